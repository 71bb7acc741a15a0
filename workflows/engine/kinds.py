"""How a step of each kind begins and goes on. Computations and timers never leave the transaction."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any
from uuid import UUID

from connectors.calls import CallState
from controlplane.lib.canonical import digest
from workflows import starting
from workflows.definition.model import StepKind
from workflows.engine import loops, sub_runs
from workflows.engine.answers import sub_run_document, sub_run_of
from workflows.engine.arguments import filled, text_of
from workflows.engine.outward import Outward, Verb, outward, recalling
from workflows.engine.picture import RECALLED
from workflows.engine.result import Next, Result
from workflows.engine.settling import land, land_sub_run
from workflows.engine.work import Work
from workflows.errors import BadTime
from workflows.events import SubRunStarted
from workflows.locks import change, move_step
from workflows.models import Step, WorkflowVersion
from workflows.outcomes import Landing
from workflows.types import StepState, WaitReason

_DONE = Landing(StepState.SUCCEEDED)


def start(work: Work, step: Step) -> Result:
    """Begin a step that is wanted; raises what its expressions and the start of a sub-run refuse."""
    if step.parallel is not None:
        return loops.begin(work, step)
    return _START[StepKind(step.kind)](work, step)


def carry_on(work: Work, step: Step) -> Result:
    """Go on with a step whose time has come, or which a crash left behind."""
    return _CARRY_ON[StepKind(step.kind)](work, step)


def ask(work: Work, step: Step) -> Result:
    """How does it stand, without doing any more of it?"""
    return _look(work, step) if step.kind == StepKind.RUN else outward(work, step, Verb.PROBE)


def undo(work: Work, step: Step) -> Result:
    """Start or carry on the compensation of what the step did."""
    if step.state == StepState.SUCCEEDED:
        fresh: dict[str, Any] = {"attempts": 1, "due_at": work.now, "started_at": work.now, "call_state": ""}
        move_step(step, StepState.COMPENSATING, request_id=None, **fresh)
    elif step.call_state == CallState.FAILED_TRANSIENT:
        count(step)
    if step.kind != StepKind.RUN:
        return outward(work, step, Verb.COMPENSATE)
    return _look(work, step) if step.call_state == RECALLED else recalling(work, step)


def count(step: Step) -> None:
    change(step, attempts=step.attempts + 1)


def _call(work: Work, step: Step) -> Result:
    call = outward(work, step, Verb.START)
    move_step(step, StepState.RUNNING, started_at=work.now, attempts=1)
    return call


def _advance(work: Work, step: Step) -> Outward:
    if step.state == StepState.RETRYING:
        count(step)
    return outward(work, step, Verb.ADVANCE)


def _compute(work: Work, step: Step) -> Result:
    change(step, started_at=work.now, attempts=1)
    land(work, step, _DONE, detail="", output_digest=work.keep(filled(work, step)))
    return Next.AGAIN


def _wait(work: Work, step: Step) -> Result:
    due = time_of(work, step)
    move_step(step, StepState.WAITING, waits_for=WaitReason.TIMER, due_at=due, started_at=work.now, attempts=1)
    return Next.AGAIN


def time_of(work: Work, step: Step) -> datetime:
    """When a timer ends; raises BadTime, ExpressionError."""
    wait = work.spec(step).wait
    if wait is None or wait.until is None:
        return work.now + timedelta(seconds=(wait.for_s or 0) if wait else 0)
    until = text_of(work, step, wait.until)
    try:
        due = datetime.fromisoformat(until)
    except (TypeError, ValueError) as error:
        raise BadTime(f"`{step.key}` waits until {until!r}: use a time like 2026-11-21T12:00:00Z") from error
    if due.tzinfo is None:
        raise BadTime(f"`{step.key}` waits until {until!r}: say the time zone, or Z for UTC")
    return due


def _rung(work: Work, step: Step) -> Result:
    land(work, step, _DONE, detail="", output_digest=work.keep({}))
    return Next.AGAIN


def _start_sub_run(work: Work, step: Step) -> Result:
    """The child comes into being with the parent's note of it: neither is ever without the other."""
    trigger = filled(work, step)
    child = work.tape.learn(f"sub-run {step.key} {digest(trigger)}", lambda: _begun(work, step, trigger))
    child_id = UUID(child["id"])
    work.record(SubRunStarted(step.key, child_id, child["workflow"], child["version"]))
    about: dict[str, Any] = {"child_run_id": child_id, "started_at": work.now, "attempts": 1}
    move_step(step, StepState.WAITING, waits_for=WaitReason.SUB_RUN, **about)
    return Next.AGAIN


def _begun(work: Work, step: Step, trigger: dict[str, Any]) -> dict[str, str]:
    child = starting.begin(order_of(work, step, trigger))
    return {"id": str(child.pk), "workflow": child.workflow_name, "version": child.workflow_version}


def order_of(work: Work, step: Step, trigger: dict[str, Any]) -> starting.Order:
    """What a step of kind run starts."""
    run = work.run
    pin = run.pins["steps"][step.parent_key or step.key]
    return starting.Order(
        workflow=pin["workflow"],
        version=WorkflowVersion.objects.get(pk=pin["version_id"]),
        environment_id=run.environment_id,
        trigger=trigger,
        starter=work.starter,
        key=f"{run.pk}:{step.key}",
        received_at=work.now,
        priority=run.priority,
        parent=starting.Parent(run, step.key, work.spec(step).timeout_s),
    )


def _look(work: Work, step: Step) -> Result:
    """See how the sub-run stands. Its row is only read: it tells when there is something new."""
    if step.child_run_id is None:
        raise ValueError(f"step {step.key} has no sub-run")
    child_id = step.child_run_id
    told = work.tape.learn(f"sub-run of {step.key}", lambda: sub_run_document(sub_runs.status_of(child_id)))
    land_sub_run(work, step, sub_run_of(told))
    return Next.AGAIN


_START: Mapping[StepKind, Callable[[Work, Step], Result]] = MappingProxyType(
    {
        StepKind.CALL: _call,
        StepKind.COMPUTE: _compute,
        StepKind.WAIT: _wait,
        StepKind.RUN: _start_sub_run,
    }
)

_CARRY_ON: Mapping[StepKind, Callable[[Work, Step], Result]] = MappingProxyType(
    {
        StepKind.CALL: _advance,
        StepKind.COMPUTE: _compute,
        StepKind.WAIT: _rung,
        StepKind.RUN: _look,
    }
)
