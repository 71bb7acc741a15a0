"""The moves of `plan`, performed on rows. Each answers with what comes next: look again, make a call, or stop."""

from collections.abc import Callable, Mapping
from enum import Enum
from types import MappingProxyType
from typing import Any, TypeAlias

from approvals import services as approvals
from connectors.calls import CallState
from controlplane.lib.errors import DomainError
from workflows.engine import ending
from workflows.engine.arguments import wanted
from workflows.engine.outward import Outward, Verb, outward
from workflows.engine.settling import give_up
from workflows.engine.work import Work
from workflows.events import StepSettled
from workflows.locks import change, move_run, move_step
from workflows.models import Run, Step
from workflows.plan import (
    DROPPED,
    Attention,
    Close,
    Continue,
    Drop,
    Move,
    Park,
    Probe,
    Ready,
    Start,
    TurnBack,
    Undo,
)
from workflows.types import RunState, StepState, WaitReason


class Next(Enum):
    """`AGAIN`: plan once more in the same transaction. `STOP`: the run is parked, closed or a person's."""

    AGAIN = "again"
    STOP = "stop"


Result: TypeAlias = Outward | Next


def perform(work: Work, move: Move) -> Result:
    """Do one move inside the open transaction that holds the run."""
    if not isinstance(move, Park):
        _running(work.run, work)
    return _PERFORM[type(move)](work, move)


def _running(run: Run, work: Work) -> None:
    """A queued or waiting run that has something to do runs."""
    if run.state in {RunState.QUEUED, RunState.WAITING}:
        started = run.started_at or work.now
        move_run(run, RunState.RUNNING, waits_for=WaitReason.NONE, started_at=started)


def _ready(work: Work, move: Ready) -> Result:
    for key in move.steps:
        move_step(work.steps[key], StepState.READY)
    return Next.AGAIN


def _start(work: Work, move: Start) -> Result:
    """Condition and arguments are evaluated once; what goes wrong there goes wrong for good."""
    step = work.steps[move.step]
    try:
        if not wanted(work, step):
            return _skip(work, step)
        call = outward(work, step, Verb.START)
    except DomainError as error:
        give_up(work, step, code=error.code, detail=error.detail)
        return Next.AGAIN
    move_step(step, StepState.RUNNING, started_at=work.now, attempts=1)
    return call


def _skip(work: Work, step: Step) -> Result:
    move_step(step, StepState.SKIPPED, finished_at=work.now)
    work.record(StepSettled(step.key, step.tool, step.state, 0))
    return Next.AGAIN


def _continue(work: Work, move: Continue) -> Result:
    step = work.steps[move.step]
    if step.state == StepState.RETRYING:
        _count(step)
    return _asked(work, step, Verb.ADVANCE)


def _probe(work: Work, move: Probe) -> Result:
    return _asked(work, work.steps[move.step], Verb.PROBE)


def _asked(work: Work, step: Step, verb: Verb) -> Result:
    try:
        return outward(work, step, verb)
    except DomainError as error:
        give_up(work, step, code=error.code, detail=error.detail)
        return Next.AGAIN


def _count(step: Step) -> None:
    change(step, attempts=step.attempts + 1)


def _drop(work: Work, move: Drop) -> Result:
    """Nobody is asked any longer about what will not be done."""
    step = work.steps[move.step]
    if step.request_id is not None:
        approvals.void(request_id=step.request_id, reason="the run was stopped", actor=work.engine)
    give_up(work, step, code=DROPPED)
    return Next.AGAIN


def _turn_back(work: Work, move: TurnBack) -> Result:
    ending.turn_back(work, move.code)
    return Next.AGAIN


def _undo(work: Work, move: Undo) -> Result:
    step = work.steps[move.step]
    if step.state == StepState.SUCCEEDED:
        fresh: dict[str, Any] = {"attempts": 1, "due_at": work.now, "started_at": work.now, "call_state": ""}
        move_step(step, StepState.COMPENSATING, request_id=None, **fresh)
    elif step.call_state == CallState.FAILED_TRANSIENT:
        _count(step)
    return outward(work, step, Verb.COMPENSATE)


def _attention(work: Work, move: Attention) -> Result:
    ending.call_a_person(work, move.code)
    return Next.STOP


def _close(work: Work, move: Close) -> Result:
    ending.close(work, move.state, move.code)
    return Next.STOP


def _park(work: Work, move: Park) -> Result:
    """Wait without a worker, unless something happened since the last look: then look again."""
    run = work.run
    if run.nudged:
        work.again()
        return Next.AGAIN
    state = run.state if run.state == RunState.COMPENSATING else RunState.WAITING
    since = {"waiting_since": work.now} if move.reason is WaitReason.APPROVAL and not run.waiting_since else {}
    free: dict[str, Any] = {"lease_until": None, "wake_at": move.until, "crashes": 0}
    if run.state == RunState.QUEUED:
        _running(run, work)
    move_run(run, RunState(state), waits_for=move.reason, **free, **since)
    return Next.STOP


_PERFORM: Mapping[type, Callable[[Work, Any], Result]] = MappingProxyType(
    {
        Ready: _ready,
        Start: _start,
        Continue: _continue,
        Probe: _probe,
        Drop: _drop,
        TurnBack: _turn_back,
        Undo: _undo,
        Attention: _attention,
        Park: _park,
        Close: _close,
    }
)
