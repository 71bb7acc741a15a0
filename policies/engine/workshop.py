"""Children for what nobody trusts yet: drafts are checked and candidates tried here, never where decisions are made.

Each job gets a child of its own that ends with it, on a lower priority of the processor, so that neither a stalled
draft nor a long trial slows a decision. So many at once per purpose; the next one waits, then is refused.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum

from policies.engine import embedded
from policies.engine.process import EvaluatorProcess
from policies.engine.protocol import PointFailure

MOST_AT_ONCE = 2
WAIT_S = 20.0
NICE = 10


class Purpose(StrEnum):
    """Checking a draft while its author waits; trying a candidate on recorded decisions."""

    AUTHORING = "authoring"
    SIMULATION = "simulation"


def _places() -> dict[Purpose, threading.BoundedSemaphore]:
    return {purpose: threading.BoundedSemaphore(MOST_AT_ONCE) for purpose in Purpose}


_free = _places()


@contextmanager
def place(purpose: Purpose, *, wait_s: float = WAIT_S) -> Iterator[None]:
    """Leave to run one child for a purpose; raises PointFailure `workshop_busy`."""
    free = _free[purpose]
    if not free.acquire(timeout=wait_s):
        raise PointFailure("workshop_busy", f"{MOST_AT_ONCE} evaluators for {purpose} are at work already")
    try:
        yield
    finally:
        free.release()


@contextmanager
def evaluator(purpose: Purpose, *, confined_only: bool) -> Iterator[EvaluatorProcess]:
    """A child for one job; raises PointFailure when there is none."""
    with place(purpose):
        process = start(confined_only=confined_only)
        try:
            yield process
        finally:
            process.kill()


def start(*, confined_only: bool) -> EvaluatorProcess:
    """A child on low priority, for somebody who holds a `place`."""
    return embedded.start(confined_only=confined_only, nice=NICE)


def _after_fork() -> None:
    """Places that threads of the parent hold are never given back in the copy."""
    global _free
    _free = _places()


os.register_at_fork(after_in_child=_after_fork)
