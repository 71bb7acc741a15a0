"""Sub-runs: asked to turn back, told of, and let go. No transaction here locks both a parent and a child.

What one has to say to the other is said after the commit that makes it true, in a transaction of its own; what
is lost in between, the sweeper finds by the rows (`catch_up`).
"""

from functools import partial
from uuid import UUID

from django.db import connection, transaction

from controlplane.lib import clock
from evidence.services import record
from tenants import scope
from tenants.actors import Actor
from workflows import locks, wakeups
from workflows.engine.answers import SubRunStatus
from workflows.events import RunRecalled
from workflows.models import Run, Step
from workflows.types import CLOSED_RUN_STATES, ENGINE_RUN_STATES, RunState, Stop, WaitReason

BATCH = 500

_WORST_FIRST = ("FAILED", "CONFLICT", "OFFSET", "RESTORED")


def status_of(run_id: UUID) -> SubRunStatus:
    child = Run.objects.get(pk=run_id)
    labels = set(Step.objects.filter(run=child).exclude(label="").values_list("label", flat=True))
    return SubRunStatus(
        state=RunState(child.state),
        is_done=child.state == RunState.WAITING and child.waits_for == WaitReason.PARENT,
        effects=child.effects,
        code=child.code,
        detail=child.detail,
        label=next((label for label in _WORST_FIRST if label in labels), ""),
        output_digest=child.output_digest,
    )


@transaction.atomic(durable=True)
def recall(*, run_id: UUID, actor: Actor) -> SubRunStatus:
    """Ask a sub-run to turn back, once; one that has ended or turns back already is left alone."""
    child = locks.open_run(run_id)
    if child is None:
        raise ValueError(f"there is no sub-run {run_id}")
    if child.state in ENGINE_RUN_STATES - {RunState.COMPENSATING} and not child.stop:
        Run.objects.filter(pk=child.pk).update(stop=Stop.RECALLED)
        event = RunRecalled(child.parent_run_id)
        record(event, actor=actor, workspace_id=child.workspace_id, run_id=child.pk)
        wakeups.wake(child.pk)
    return status_of(child.pk)


@transaction.atomic(durable=True)
def tell_parent(*, run_id: UUID, step: str) -> None:
    """A sub-run of this run has something to say: have the run look at the step."""
    if wakeups.wake(run_id):
        Step.objects.filter(run_id=run_id, key=step, waits_for=WaitReason.SUB_RUN).update(due_at=clock.now())


def tell_others(run: Run, *, below: bool = False) -> None:
    """Once this transaction commits: the parent looks at its step, the sub-runs `below`, which wait for
    this run, end."""
    if run.parent_run_id is not None:
        tell = partial(tell_parent, run_id=run.parent_run_id, step=run.parent_step)
        transaction.on_commit(tell, robust=True)
    if below and run.state in CLOSED_RUN_STATES:
        children = Run.objects.filter(parent_run_id=run.pk, state=RunState.WAITING, waits_for=WaitReason.PARENT)
        for child_id in children.order_by("id").values_list("pk", flat=True):
            transaction.on_commit(partial(let_go, run_id=child_id), robust=True)


def catch_up() -> int:
    """Parents that were not told, and children that were not let go, of all tenants; returns how many."""
    found = _lost()
    for tenant_id, run_id, step in found:
        with scope.enter(tenant_id):
            if step:
                tell_parent(run_id=run_id, step=step)
            else:
                let_go(run_id=run_id)
    return len(found)


@transaction.atomic(durable=True)
def let_go(*, run_id: UUID) -> None:
    """The parent has ended: the sub-run need not wait any longer."""
    wakeups.wake(run_id)


def _lost() -> list[tuple[UUID, UUID, str]]:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT tenant_id, run_id, step FROM routing.lost_between_runs(%s)", [BATCH])
        return list(cursor.fetchall())
