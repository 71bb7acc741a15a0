"""The moves of `plan`, performed on rows. Each answers with what comes next: look again, make a call, or stop."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from types import MappingProxyType
from typing import Any

from approvals import services as approvals
from connectors.services import may_have_landed
from controlplane.lib.errors import DomainError
from workflows import locks
from workflows.definition.model import StepKind
from workflows.engine import ending, kinds, loops, permits, sub_runs
from workflows.engine.arguments import outputs, wanted
from workflows.engine.outward import call_key, recalling
from workflows.engine.result import Next, Result
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
    Gather,
    Move,
    Park,
    Probe,
    Ready,
    Recall,
    Start,
    TurnBack,
    Undo,
)
from workflows.types import RunState, StepState, Stop, WaitReason


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
    return _permitted(work, step) if _wanted(work, step) else Next.AGAIN


def _permitted(work: Work, step: Step) -> Result:
    permit = permits.may_run(work, step)
    if permit.allowed:
        return _tried(work, step, kinds.start)
    if permit.wait_s:
        return _hold_back(work, permit.wait_s)
    give_up(work, step, code="policy_denied", detail=permit.words)
    return Next.AGAIN


def _hold_back(work: Work, seconds: int) -> Result:
    """The whole run comes again later, or now if something happened since it was looked at."""
    wait = timedelta(seconds=0 if work.run.nudged else seconds)
    locks.let_go(work.run, wake_at=work.now + wait, crashes=0)
    return Next.STOP


def _wanted(work: Work, step: Step) -> bool:
    try:
        if wanted(work, step):
            return True
    except DomainError as error:
        give_up(work, step, code=error.code, detail=error.detail)
        return False
    move_step(step, StepState.SKIPPED, finished_at=work.now)
    work.record(StepSettled(step.key, step.tool or step.kind, step.state, 0))
    return False


def _continue(work: Work, move: Continue) -> Result:
    return _tried(work, work.steps[move.step], kinds.carry_on)


def _gather(work: Work, move: Gather) -> Result:
    return _tried(work, work.steps[move.step], loops.gather)


def _probe(work: Work, move: Probe) -> Result:
    return _tried(work, work.steps[move.step], kinds.ask)


def _recall(work: Work, move: Recall) -> Result:
    return recalling(work, work.steps[move.step])


def _tried(work: Work, step: Step, verb: Callable[[Work, Step], Result]) -> Result:
    """What is refused fails the step; the rest of the transaction stands."""
    try:
        return verb(work, step)
    except DomainError as error:
        give_up(work, step, code=error.code, detail=error.detail)
        return Next.AGAIN


def _drop(work: Work, move: Drop) -> Result:
    """Nobody is asked any longer about what will not be done. What a worker sent that died before it could say so was
    done: it is found out first."""
    step = work.steps[move.step]
    if step.kind == StepKind.CALL and _may_have_landed(work, step):
        return _tried(work, step, kinds.ask)
    if step.request_id is not None:
        void = partial(approvals.void, request_id=step.request_id, reason="the run was stopped", actor=work.engine)
        work.tape.act(void)
    give_up(work, step, code=DROPPED)
    return Next.AGAIN


def _may_have_landed(work: Work, step: Step) -> bool:
    key = call_key(work, step)
    return bool(work.tape.learn(f"landed {key}", lambda: may_have_landed(idempotency_key=key)))


def _turn_back(work: Work, move: TurnBack) -> Result:
    ending.turn_back(work, move.code)
    return Next.AGAIN


def _undo(work: Work, move: Undo) -> Result:
    return kinds.undo(work, work.steps[move.step])


def _attention(work: Work, move: Attention) -> Result:
    ending.call_a_person(work, move.code)
    return Next.STOP


def _close(work: Work, move: Close) -> Result:
    if move.state is RunState.SUCCEEDED and not _told_outputs(work):
        return Next.AGAIN
    ending.close(work, move.state, move.code)
    return Next.STOP


def _told_outputs(work: Work) -> bool:
    """Keep what the run hands back. A run whose outputs cannot be told has not succeeded: it turns back."""
    if work.run.output_digest or not work.definition.outputs:
        return True
    try:
        change(work.run, output_digest=work.keep(outputs(work), beyond=True))
    except DomainError as error:
        change(work.run, stop=Stop.BAD_OUTPUTS, detail=error.detail[:500])
        return False
    return True


def _park(work: Work, move: Park) -> Result:
    """Wait without a worker, unless something happened since the last look: then look again."""
    run = work.run
    if run.nudged:
        work.again()
        return Next.AGAIN
    if move.reason is WaitReason.PARENT and not _told_outputs(work):
        return Next.AGAIN
    if run.state == RunState.QUEUED:
        _running(run, work)
    if move.reason is WaitReason.PARENT and run.waits_for != WaitReason.PARENT:
        work.tape.act(partial(sub_runs.tell_others, run))
    state = run.state if run.state == RunState.COMPENSATING else RunState.WAITING
    since = {"waiting_since": work.now} if move.reason is WaitReason.APPROVAL and not run.waiting_since else {}
    free: dict[str, Any] = {"lease_until": None, "wake_at": move.until, "crashes": 0}
    move_run(run, RunState(state), waits_for=move.reason, **free, **since)
    return Next.STOP


_PERFORM: Mapping[type, Callable[[Work, Any], Result]] = MappingProxyType(
    {
        Ready: _ready,
        Start: _start,
        Continue: _continue,
        Gather: _gather,
        Probe: _probe,
        Recall: _recall,
        Drop: _drop,
        TurnBack: _turn_back,
        Undo: _undo,
        Attention: _attention,
        Park: _park,
        Close: _close,
    }
)
