"""The embedded decision point: the real OPA in a confined child, one per process, started at the first question.

Safe under threads (one lock), and under fork: a forked copy forgets the parent's child and starts its own.
"""

import os
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from controlplane.lib import clock
from controlplane.lib.logs import get_logger
from policies.engine import conformance
from policies.engine.process import EvaluatorProcess, Refusal
from policies.engine.protocol import DECISION_ENTRYPOINT, JsonObject, Layers, PointFailure, Program
from policies.engine.quarantine import Quarantine

log = get_logger(__name__)
T = TypeVar("T")

LOAD_S = 5.0
_QUEUE_S = 2.0
_ATTEMPTS = 2
_live: "weakref.WeakSet[EmbeddedPoint]" = weakref.WeakSet()


class EmbeddedPoint:
    """A DecisionPoint. `deadline_s` bounds one evaluation; `confined_only` refuses a child that lacks a layer."""

    def __init__(self, *, deadline_s: float, confined_only: bool, memory_mb: int = 384) -> None:
        self._deadline_s = deadline_s
        self._confined_only = confined_only
        self._memory_mb = memory_mb
        self._lock = threading.Lock()
        self._quarantine = Quarantine()
        self._process: EvaluatorProcess | None = None
        self._held: list[str] = []
        _live.add(self)

    def evaluate(self, program: Program, document: JsonObject) -> JsonObject:
        """See DecisionPoint. An evaluation is pure, so a killed child earns the question one second try."""
        with self._turn():
            for attempt in range(1, _ATTEMPTS + 1):
                self._refuse_quarantined(program)
                try:
                    return self._decide(program, document)
                except PointFailure as failure:
                    if attempt == _ATTEMPTS or failure.code not in {"pdp_timeout", "pdp_unavailable"}:
                        raise
                    log.warning("evaluator replaced", extra={"code": failure.code})
        raise PointFailure("pdp_unavailable")

    def layers(self) -> Layers:
        with self._turn():
            return self._child().layers

    def close(self) -> None:
        """Kill the child, if there is one; the next question starts another."""
        with self._turn():
            self._drop()

    def _decide(self, program: Program, document: JsonObject) -> JsonObject:
        child = self._loaded(program)
        request = {"verb": "evaluate", "key": program.key, "entrypoint": DECISION_ENTRYPOINT, "document": document}
        answer = self._blaming(program, lambda: child.ask(request, deadline_s=self._deadline_s))
        if not isinstance(answer, dict):
            raise PointFailure("bad_decision", "the decision is not an object")
        return answer

    def _loaded(self, program: Program) -> EvaluatorProcess:
        """A child that holds the program. Our list of what it holds is shorter than its own."""
        child = self._child()
        if program.key not in self._held:
            self._blaming(program, lambda: child.ask(_load(program, DECISION_ENTRYPOINT), deadline_s=LOAD_S))
            self._held = [*self._held[-15:], program.key]
        return child

    def _blaming(self, program: Program, question: Callable[[], T]) -> T:
        try:
            return question()
        except Refusal as refusal:
            log.warning("evaluator refused", extra={"code": refusal.code, "reason": refusal.message})
            raise PointFailure("pdp_error", refusal.code) from refusal
        except PointFailure:
            self._drop()
            self._quarantine.killed(program.key, clock.monotonic())
            raise

    def _refuse_quarantined(self, program: Program) -> None:
        if self._quarantine.holds(program.key, clock.monotonic()):
            raise PointFailure("pdp_quarantined", "this bundle ended its evaluator several times in a minute")

    def _child(self) -> EvaluatorProcess:
        if self._process is None or not self._process.alive:
            self._drop()
            self._process = start(confined_only=self._confined_only, memory_mb=self._memory_mb)
        return self._process

    def _drop(self) -> None:
        if self._process is not None:
            self._process.kill()
        self._process, self._held = None, []

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """One question at a time; whoever waits too long is denied rather than queued without end."""
        if not self._lock.acquire(timeout=_QUEUE_S + self._deadline_s):
            raise PointFailure("pdp_timeout", "the evaluator is busy")
        try:
            yield
        finally:
            self._lock.release()

    def after_fork(self) -> None:
        """In the forked copy: the lock may be held by a thread that is not here, the child is not ours."""
        inherited = self._process
        self._lock, self._process, self._held = threading.Lock(), None, []
        if inherited is not None and inherited.alive:
            inherited.forget()


def start(*, confined_only: bool, memory_mb: int = 384) -> EvaluatorProcess:
    """A child that passed the conformance test, confined if that is asked for. Raises PointFailure."""
    process = EvaluatorProcess(memory_mb=memory_mb)
    try:
        _refuse_unconfined(process.layers, confined_only=confined_only)
        _refuse_nonconforming(process)
    except BaseException:
        process.kill()
        raise
    return process


def _refuse_unconfined(layers: Layers, *, confined_only: bool) -> None:
    if layers.complete:
        return
    if confined_only:
        raise PointFailure("pdp_unconfined", f"a layer of confinement is missing: {dict(layers.states)}")
    log.warning("evaluator is not fully confined", extra={"layers": dict(layers.states)})


def _refuse_nonconforming(process: EvaluatorProcess) -> None:
    program = conformance.PROGRAM
    request = {"verb": "evaluate", "key": program.key, "entrypoint": conformance.ENTRYPOINT, "document": {}}
    try:
        process.ask(_load(program, conformance.ENTRYPOINT), deadline_s=LOAD_S)
        wrong = conformance.differences(process.ask(request, deadline_s=LOAD_S))
    except Refusal as refusal:
        wrong = [str(refusal)]
    if wrong:
        raise PointFailure("pdp_nonconforming", f"the engine answers differently: {wrong}")


def _load(program: Program, entrypoint: str) -> JsonObject:
    return {
        "verb": "load",
        "key": program.key,
        "modules": dict(program.modules),
        "data": dict(program.data),
        "entrypoint": entrypoint,
    }


def _after_fork() -> None:
    for point in list(_live):
        point.after_fork()


os.register_at_fork(after_in_child=_after_fork)
