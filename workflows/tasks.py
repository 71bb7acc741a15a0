"""The task of the workers: come and look at the queue. It carries nothing and may come twice, late or never."""

import signal
from functools import cache
from multiprocessing.util import Finalize
from types import FrameType
from typing import Any

from connectors import gateway
from policies.services import decide
from workflows.engine import Engine
from workflows.engine.crew import Crew


def work() -> None:
    """Advance what waits."""
    crew().work()
    if crew().leaving:
        raise SystemExit(0)


@cache
def crew() -> Crew:
    """The hands of this process, made in it: threads do not survive a fork."""
    return Crew(Engine(gateway, decide))


def enlist(**_: Any) -> None:
    """In each new worker process (django-q2's `post_spawn`): told to end, it gives back what it holds first.

    Recycling and a stop of the cluster end the loop of the worker, a signal ends it from outside.
    """
    Finalize(None, crew().leave, exitpriority=100)
    signal.signal(signal.SIGTERM, _told_to_end)


def _told_to_end(_signal: int, _frame: FrameType | None) -> None:
    crew().stop()
    if not crew().busy:
        raise SystemExit(0)
