"""Verbs of workflows. Each outer verb is one durable transaction with its evidence inside."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F

from approvals.types import State
from connectors import gateway
from connectors.calls import Answer
from connectors.ports import RuledOut, Told
from controlplane.lib import clock
from controlplane.lib.errors import Invalid
from tenants.actors import Actor
from tenants.models import Environment
from tenants.permissions import Perm, require
from workflows import locks, wakeups
from workflows.definition.model import Priority, StepKind
from workflows.engine import ending
from workflows.engine.flushing import flush
from workflows.engine.work import Work
from workflows.errors import (
    NotAttended,
    RunClosed,
    RunNotWaiting,
    StepNotUnknown,
    SubRunOfAnother,
)
from workflows.events import (
    OutcomeTold,
    RunCancelRequested,
    RunRetryRequested,
    RunRuledOut,
    RunSettledByPerson,
)
from workflows.models import Run, Step
from workflows.operating import open_run, pause, resume, retry_from, tell
from workflows.publishing import check, publish_version
from workflows.rehearsal import dry_run
from workflows.starting import Order, begin_many
from workflows.types import (
    ENGINE_RUN_STATES,
    RunState,
    Stop,
    WaitReason,
)

__all__ = [
    "Start",
    "cancel",
    "check",
    "dry_run",
    "pause",
    "publish_version",
    "resolve_unknown",
    "resume",
    "retry",
    "retry_from",
    "settle_by_person",
    "start_run",
    "start_runs",
]

ANSWERS: Mapping[str, RunState] = MappingProxyType(
    {"rolled_back": RunState.ROLLED_BACK, "abandoned": RunState.ABANDONED}
)
"""What a person may say about a run that needs attention."""

_ASK_AGAIN = frozenset({WaitReason.TIMER, WaitReason.THROTTLE, WaitReason.HALT, WaitReason.RECONCILE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """One run to start. `trigger`: the event as JSON without floats; `key`: the same key again is the same run."""

    workflow: str
    trigger: dict[str, Any]
    key: str
    received_at: datetime | None = None
    priority: int | None = None


def start_run(
    *,
    workflow: str,
    environment_id: UUID,
    trigger: dict[str, Any],
    starter: Actor,
    key: str,
    received_at: datetime | None = None,
    priority: Priority | None = None,
) -> Run:
    """Start the newest version of a workflow. The same key again is the same run; so is the open run of the
    same ticket. Joins an open transaction.

    `trigger`: the event as JSON without floats. `priority`: else as the workflow says. Needs START_RUN; raises
    WorkflowUnknown, InputsInvalid, StartKeyReused, NotATicket, ConnectorMissing.
    """
    start = Start(workflow=workflow, trigger=trigger, key=key, received_at=received_at, priority=priority)
    return start_runs(starts=[start], environment_id=environment_id, starter=starter)[0]


@transaction.atomic
def start_runs(*, starts: Sequence[Start], environment_id: UUID, starter: Actor) -> list[Run]:
    """Start many runs in few statements, each with the promises of `start_run`; all of them or none.

    Answers in the order of `starts`; one that is already there is answered as it is. Joins an open transaction.
    Needs START_RUN; raises what `start_run` raises.
    """
    environment = Environment.objects.get(pk=environment_id)
    require(starter, Perm.START_RUN, environment.workspace_id, environment.pk)
    return begin_many([_order(start, environment_id, starter) for start in starts])


def _order(start: Start, environment_id: UUID, starter: Actor) -> Order:
    return Order(
        workflow=start.workflow,
        environment_id=environment_id,
        trigger=start.trigger,
        starter=starter,
        key=f"{starter.id}:{start.key}",
        received_at=start.received_at or clock.now(),
        priority=start.priority,
    )


@transaction.atomic(durable=True)
def cancel(*, run_id: UUID, reason: str, actor: Actor) -> None:
    """Stop a run; what it did is taken back. Needs OPERATE; raises RunClosed, and
    SubRunOfAnother for a sub-run that is done: its parent builds on it."""
    run = open_run(run_id, actor)
    if run.state not in ENGINE_RUN_STATES:
        raise RunClosed(f"the run is {run.state}")
    if run.waits_for == WaitReason.PARENT:
        raise SubRunOfAnother(f"cancel run {run.parent_run_id}, which builds on it")
    if run.stop:
        return
    Run.objects.filter(pk=run.pk).update(stop=Stop.CANCELLED)
    tell(RunCancelRequested(reason[:500]), run, actor)
    wakeups.wake(run.pk)


@transaction.atomic(durable=True)
def retry(*, run_id: UUID, actor: Actor) -> None:
    """Try now what waits for a later time; a timer of the workflow is left alone.

    Needs OPERATE; raises RunNotWaiting when nothing does.
    """
    run = open_run(run_id, actor)
    waiting = Step.objects.filter(run=run, waits_for__in=_ASK_AGAIN).exclude(kind=StepKind.WAIT)
    keys = list(waiting.values_list("key", flat=True))
    if not keys or run.state not in ENGINE_RUN_STATES:
        raise RunNotWaiting(f"the run is {run.state}")
    wakeups.wake(run.pk)
    waiting.update(due_at=clock.now())
    tell(RunRetryRequested(keys), run, actor)


@transaction.atomic(durable=True)
def settle_by_person(*, run_id: UUID, answer: str, reason: str, actor: Actor) -> None:
    """A person has looked at a run that needed attention: `rolled_back` (by hand) or `abandoned` (as it is).

    Needs OPERATE; raises NotAttended in any other state.
    """
    if answer not in ANSWERS or not reason.strip():
        raise Invalid(f"say one of {', '.join(ANSWERS)}, and why", field="answer")
    run = open_run(run_id, actor)
    if run.state != RunState.NEEDS_ATTENTION or not actor.is_person:
        raise NotAttended(f"the run is {run.state}")
    tell(RunSettledByPerson(answer, reason[:500]), run, actor)
    work = Work.of(run)
    work.begin("settled")
    work.look |= {"settled": answer} if work.look else {}
    ending.close(work, ANSWERS[answer], "", detail=reason)
    flush([work])


def resolve_unknown(*, run_id: UUID, step: str, answer: Answer, actor: Actor) -> None:
    """A person says whether a call of unknown outcome has landed; the run then goes on.

    Needs OPERATE; raises StepNotUnknown, and what `gateway.resolve` refuses.
    """
    call_id = _unknown_call(run_id, step, actor)
    gateway.resolve(call_id=call_id, actor=actor, answer=answer)


@transaction.atomic(durable=True)
def _unknown_call(run_id: UUID, key: str, actor: Actor) -> UUID:
    run = open_run(run_id, actor)
    row = Step.objects.filter(run=run, key=key).first()
    call_id = None if row is None else row.undo_call_id or row.call_id
    if row is None or call_id is None or row.waits_for not in {WaitReason.RECONCILE, WaitReason.TIMER}:
        raise StepNotUnknown(f"step {key} has no open outcome")
    return call_id


def outcome_told(told: Told) -> None:
    """Bound to `connectors.ports.reconciled`: the run goes on in the transaction that settles the call.

    UNDO stops the run, so that what it did is taken back, this effect first.
    """
    run = locks.open_run(told.run_id) if told.run_id is not None else None
    if run is None or not wakeups.wake(run.pk):
        return
    Step.objects.filter(run=run, key=told.step_id).update(due_at=clock.now())
    if told.answer is Answer.UNDO and not run.stop:
        Run.objects.filter(pk=run.pk).update(stop=Stop.UNDO_ASKED)
    tell(OutcomeTold(told.step_id, told.call_id, told.answer.value), run, told.actor)


def ruled_out(ruled: RuledOut) -> None:
    """Bound to `connectors.ports.ruled_out`: policy wants a write back that has landed. The run stops in the
    transaction that settles the call, so that nothing follows from it and its saga takes it back."""
    run = locks.open_run(ruled.run_id) if ruled.run_id is not None else None
    if run is None or not wakeups.wake(run.pk):
        return
    if not run.stop:
        Run.objects.filter(pk=run.pk).update(stop=Stop.RULED_OUT, detail=f"policy: {ruled.code}"[:500])
    tell(RunRuledOut(ruled.step_id, ruled.call_id, ruled.decision_id, ruled.code), run, ruled.actor)


def approval_decided(*, run_id: UUID, call_id: UUID, request_id: UUID, state: State) -> None:  # noqa: ARG001
    """Bound to `approvals.ports.decided`: wake the run in the deciding transaction, and book the time it waited.

    A request of no run (an approval card's own message) wakes nobody.
    """
    now = clock.now()
    if not wakeups.wake(run_id):
        return
    Step.objects.filter(run_id=run_id, request_id=request_id).update(due_at=now)
    for run in Run.objects.filter(pk=run_id, waiting_since__isnull=False):
        waited = int((now - run.waiting_since).total_seconds() * 1000) if run.waiting_since else 0
        Run.objects.filter(pk=run_id).update(waiting_since=None, human_wait_ms=F("human_wait_ms") + waited)
