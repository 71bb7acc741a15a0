"""The embedded decision point: the real OPA in confined children, started at the first question.

Safe under threads (each question takes a seat), and under fork: a forked copy forgets the parent's children and
starts its own. Drafts and trials never come here: they have children of their own (`workshop`).
"""

import os
import weakref
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

from controlplane.lib import clock
from controlplane.lib.logs import get_logger
from policies.engine import conformance, framing
from policies.engine.pool import LOAD_S, Pool, Seat, loading
from policies.engine.process import MEMORY_MB, EvaluatorProcess, Refusal
from policies.engine.protocol import DECISION_ENTRYPOINT, JsonObject, Layers, PointFailure, Program, one_by_one
from policies.engine.quarantine import Quarantine

log = get_logger(__name__)
T = TypeVar("T")

SEATS = 2
LARGEST_DECISION = 1 << 20
TOGETHER = 64
_QUEUE_S = 2.0
_ATTEMPTS = 2
_live: "weakref.WeakSet[EmbeddedPoint]" = weakref.WeakSet()


class EmbeddedPoint:
    """A DecisionPoint. `deadline_s` bounds one evaluation; `confined_only` refuses a child that lacks a layer."""

    def __init__(
        self, *, deadline_s: float, confined_only: bool, memory_mb: int = MEMORY_MB, seats: int = SEATS
    ) -> None:
        self._deadline_s = deadline_s
        self._quarantine = Quarantine()
        self._pool = Pool(lambda: start(confined_only=confined_only, memory_mb=memory_mb), seats=seats)
        _live.add(self)

    def evaluate(self, program: Program, document: JsonObject) -> JsonObject:
        """See DecisionPoint. An evaluation is pure, so a killed child earns the question one second try."""
        with self._pool.seat(program.key, wait_s=_QUEUE_S + self._deadline_s) as seat:
            for attempt in range(1, _ATTEMPTS + 1):
                self._refuse_quarantined(program)
                try:
                    return self._decide(seat, program, document)
                except PointFailure as failure:
                    if attempt == _ATTEMPTS or failure.code not in {"pdp_timeout", "pdp_unavailable"}:
                        raise
                    log.warning("evaluator replaced", extra={"code": failure.code})
        raise PointFailure("pdp_unavailable")

    def evaluate_many(self, program: Program, documents: Sequence[JsonObject]) -> list[JsonObject | PointFailure]:
        """See DecisionPoint. Together within the time of one; if that comes to nothing, one by one."""
        found: list[JsonObject | PointFailure] = []
        for at in range(0, len(documents), TOGETHER):
            found += self._together(program, documents[at : at + TOGETHER])
        return found

    def layers(self) -> Layers:
        with self._pool.seat("", wait_s=_QUEUE_S) as seat:
            return seat.child().layers

    def pids(self) -> list[int]:
        """The processes of the children that are running now."""
        return self._pool.pids()

    def close(self) -> None:
        """Kill the children; the next question starts another."""
        self._pool.close(wait_s=_QUEUE_S + self._deadline_s)

    def after_fork(self) -> None:
        self._pool.after_fork()

    def _together(self, program: Program, documents: Sequence[JsonObject]) -> list[JsonObject | PointFailure]:
        request = {"verb": "evaluate_many", "documents": documents}
        try:
            with self._pool.seat(program.key, wait_s=_QUEUE_S + self._deadline_s) as seat:
                self._refuse_quarantined(program)
                answers = self._asked(seat, program, request, largest=framing.LARGEST)
            return [_answer_of(answer) for _, answer in zip(documents, answers, strict=True)]
        except (PointFailure, ValueError) as failure:
            log.warning("asked one by one", extra={"reason": str(failure)})
        return one_by_one(self, program, documents)

    def _decide(self, seat: Seat, program: Program, document: JsonObject) -> JsonObject:
        request = {"verb": "evaluate", "document": document}
        return _decision(self._asked(seat, program, request, largest=LARGEST_DECISION))

    def _asked(self, seat: Seat, program: Program, request: JsonObject, *, largest: int) -> Any:
        if not seat.holds(program.key):
            self._blaming(seat, program, partial(seat.load, program, DECISION_ENTRYPOINT))
        whole = {**request, "key": program.key, "entrypoint": DECISION_ENTRYPOINT}
        asked = partial(seat.child().ask, whole, deadline_s=self._deadline_s, largest=largest)
        return self._blaming(seat, program, asked)

    def _blaming(self, seat: Seat, program: Program, question: Callable[[], T]) -> T:
        """A child that died over a program counts against that program."""
        child = seat.child()
        try:
            return question()
        except Refusal as refusal:
            log.warning("evaluator refused", extra={"code": refusal.code, "reason": refusal.message})
            raise PointFailure("pdp_error", refusal.code) from refusal
        except PointFailure:
            if not child.alive:
                seat.vacate()
                self._quarantine.killed(program.key, clock.monotonic())
            raise

    def _refuse_quarantined(self, program: Program) -> None:
        if self._quarantine.holds(program.key, clock.monotonic()):
            raise PointFailure("pdp_quarantined", "this bundle ended its evaluator several times in a minute")


def _answer_of(answer: JsonObject) -> JsonObject | PointFailure:
    """One of several answers."""
    if "error" in answer:
        return PointFailure("pdp_error", str(answer["error"].get("code")))
    try:
        return _decision(answer.get("value"))
    except PointFailure as failure:
        return failure


def _decision(answer: Any) -> JsonObject:
    if not isinstance(answer, dict):
        raise PointFailure("bad_decision", "the decision is not an object")
    return answer


def start(*, confined_only: bool, memory_mb: int = MEMORY_MB, nice: int = 0) -> EvaluatorProcess:
    """A child that passed the conformance test, confined if that is asked for. Raises PointFailure."""
    process = EvaluatorProcess(memory_mb=memory_mb, nice=nice)
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
        process.ask(loading(program, conformance.ENTRYPOINT), deadline_s=LOAD_S)
        wrong = conformance.differences(process.ask(request, deadline_s=LOAD_S))
    except Refusal as refusal:
        wrong = [str(refusal)]
    if wrong:
        raise PointFailure("pdp_nonconforming", f"the engine answers differently: {wrong}")


def _after_fork() -> None:
    for point in list(_live):
        point.after_fork()


os.register_at_fork(after_in_child=_after_fork)
