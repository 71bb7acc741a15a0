"""What operators do with a run: hold it up, let it go on, have a second attempt at it."""

from uuid import UUID

from django.db import transaction

from controlplane.lib import clock
from evidence.services import record
from tenants import payloads
from tenants.actors import Actor
from tenants.permissions import Perm, require
from workflows import locks, retaking, wakeups
from workflows.errors import (
    AlreadyRetried,
    EffectStands,
    RunClosed,
    RunNotFound,
    RunNotPaused,
    RunOpen,
    RunTurnsBack,
    StepUnknown,
    SubRunOfAnother,
    TicketBusy,
)
from workflows.events import RunPaused, RunResumed, RunRetried
from workflows.models import Run, Step
from workflows.starting import Order, begin
from workflows.types import CLOSED_RUN_STATES, ENGINE_RUN_STATES, OPEN_RUN_STATES, RunState, StepState

_PAUSABLE = ENGINE_RUN_STATES - {RunState.COMPENSATING}


@transaction.atomic(durable=True)
def pause(*, run_id: UUID, reason: str, actor: Actor) -> None:
    """Hold a run and its open sub-runs up at the next step; a call that is under way is settled. Deadlines go on.

    Needs OPERATE; raises RunClosed, and RunTurnsBack for a run that takes its effects back. Again: nothing new.
    """
    run = open_run(run_id, actor)
    if run.state not in ENGINE_RUN_STATES:
        raise RunClosed(f"the run is {run.state}")
    if run.state not in _PAUSABLE or run.stop:
        raise RunTurnsBack("what it did is being taken back: that is not held up")
    for each in (run, *_below(run)):
        if each.paused_at is None and each.state in _PAUSABLE and not each.stop:
            Run.objects.filter(pk=each.pk).update(paused_at=clock.now())
            tell(RunPaused(reason[:500]), each, actor)
            wakeups.wake(each.pk)


@transaction.atomic(durable=True)
def resume(*, run_id: UUID, actor: Actor) -> None:
    """Let a paused run and its sub-runs go on. Needs OPERATE; raises RunNotPaused."""
    run = open_run(run_id, actor)
    if run.paused_at is None or run.state not in OPEN_RUN_STATES:
        raise RunNotPaused(f"the run is {run.state}")
    for each in (run, *_below(run)):
        if each.paused_at is not None:
            Run.objects.filter(pk=each.pk).update(paused_at=None)
            tell(RunResumed(), each, actor)
            wakeups.wake(each.pk)


def _below(run: Run) -> list[Run]:
    """The open sub-runs of a locked run, and theirs, locked from the top down."""
    ids = (
        Run.objects.filter(parent_run_id=run.pk, state__in=OPEN_RUN_STATES).order_by("id").values_list("pk", flat=True)
    )
    children = [child for child_id in ids if (child := locks.open_run(child_id)) is not None]
    return [each for child in children for each in (child, *_below(child))]


@transaction.atomic(durable=True)
def retry_from(*, run_id: UUID, step: str, actor: Actor) -> Run:
    """A second attempt at a run that is over, from one of its steps on: a new run of the same version and trigger.

    Steps that ended well, had no effect and do not follow `step` keep their output and are not done again; whatever
    wrote and was taken back is. Once per run. Needs OPERATE; raises RunOpen, EffectStands while an effect stands
    or may, StepUnknown, SubRunOfAnother, AlreadyRetried, TicketBusy, PayloadExpired.
    """
    old = open_run(run_id, actor)
    past = _past(old)
    _check(old, step, past)
    rows = {row.key: row for row in old.steps.filter(key__in=retaking.kept(past, step))}
    order = _order(old, rows, actor)
    if Run.objects.filter(start_key=order.key).exists():
        raise AlreadyRetried("a second attempt was started: retry that one")
    run = begin(order)
    if run.start_key != order.key:
        raise TicketBusy(f"run {run.pk} is at work on the same ticket")
    tell(RunRetried(old.pk, step, sorted(rows)), run, actor)
    return run


def _check(old: Run, step: str, past: list[retaking.Past]) -> None:
    if old.state not in CLOSED_RUN_STATES:
        raise RunOpen("the run is not over: cancel it first, or have it try again now")
    if old.parent_run_id is not None:
        raise SubRunOfAnother(f"retry run {old.parent_run_id}, which it is a part of")
    if step not in {each.id for each in past if not each.loop}:
        raise StepUnknown(f"the run has no step {step}")
    if found := retaking.standing(past):
        raise EffectStands(f"what {', '.join(found)} did stands, or may: undo it first")


def _past(run: Run) -> list[retaking.Past]:
    rows = list(Step.objects.filter(run=run))
    known = payloads.known([row.output_digest for row in rows if row.output_digest])
    return [
        retaking.Past(
            id=row.key,
            state=StepState(row.state),
            needs=frozenset(row.needs),
            code=row.code,
            loop=row.parent_key,
            writes=row.writes,
            gone=bool(row.output_digest) and row.output_digest not in known,
        )
        for row in rows
    ]


def _order(old: Run, kept: dict[str, Step], actor: Actor) -> Order:
    return Order(
        workflow=old.workflow_name,
        version=old.version,
        environment_id=old.environment_id,
        trigger=payloads.get_json(old.trigger_digest),
        starter=actor,
        key=f"retry:{old.pk}",
        received_at=clock.now(),
        redrive_of=old.pk,
        priority=old.priority,
        kept=kept,
    )


def open_run(run_id: UUID, actor: Actor) -> Run:
    """The run, locked, for an operator; foreign and missing look the same."""
    run = locks.open_run(run_id)
    if run is None:
        raise RunNotFound()
    require(actor, Perm.OPERATE, run.workspace_id, run.environment_id)
    return run


def tell(event: object, run: Run, actor: Actor) -> None:
    record(event, actor=actor, workspace_id=run.workspace_id, run_id=run.pk)
