"""Verbs of people at reconcile tasks: take one, give it back, answer it."""

from uuid import UUID

from django.db import transaction
from django.db.models import Q

from connectors import access
from connectors.calls import Answer, CallStatus
from connectors.events import ReconcileClaimed, ReconcileReleased
from connectors.gateway import resolve
from connectors.gateway.errors import NotReconcilable
from connectors.models import ReconcileTask
from controlplane.lib import clock
from controlplane.lib.errors import Invalid
from evidence.services import record
from tenants.actors import Actor
from tenants.permissions import Perm, require

FREE = {"claimed_by": None, "claimed_label": "", "claimed_at": None}


@transaction.atomic(durable=True)
def claim(*, task_id: UUID, actor: Actor) -> ReconcileTask:
    """Say that one is looking at it: nobody else can answer until it is released. Needs OPERATE and a person.

    Raises NotReconcilable when it is closed or claimed by somebody else; claiming one's own again changes nothing.
    """
    task = _open_task(task_id, actor)
    if task.claimed_by == actor.id:
        return task
    mine = {"claimed_by": actor.id, "claimed_label": actor.label, "claimed_at": clock.now()}
    if not ReconcileTask.objects.filter(pk=task.pk, state=task.state, claimed_by=None).update(**mine):
        raise NotReconcilable(f"{task.claimed_label or 'somebody'} has claimed it")
    _record(ReconcileClaimed(task.pk, task.call_id), task, actor)
    return access.reconcile_task(actor, task_id)


@transaction.atomic(durable=True)
def release(*, task_id: UUID, actor: Actor) -> ReconcileTask:
    """Give it back, also for somebody who went home. Needs OPERATE and a person."""
    task = _open_task(task_id, actor)
    claimed = ReconcileTask.objects.filter(~Q(claimed_by=None), pk=task.pk, state=task.state)
    if claimed.update(**FREE):
        _record(ReconcileReleased(task.pk, task.call_id), task, actor)
    return access.reconcile_task(actor, task_id)


def answer(*, task_id: UUID, answer: str, note: str, actor: Actor) -> CallStatus:
    """The one answer. Needs OPERATE, a person and words on what was seen; raises what `gateway.resolve` raises."""
    if answer not in set(Answer) or not note.strip():
        raise Invalid(f"say one of {', '.join(Answer)}, and what you saw", field="answer")
    call_id = _task_of(task_id, actor)
    return resolve(call_id=call_id, actor=actor, answer=Answer(answer), note=note)


@transaction.atomic
def _task_of(task_id: UUID, actor: Actor) -> UUID:
    return _open_task(task_id, actor).call_id


def _open_task(task_id: UUID, actor: Actor) -> ReconcileTask:
    task = access.reconcile_task(actor, task_id)
    require(actor, Perm.OPERATE, task.workspace_id, task.call.environment_id)
    if not actor.is_person:
        raise NotReconcilable("a person decides this")
    if task.state != ReconcileTask.State.OPEN:
        raise NotReconcilable(f"the task is {task.state.lower()}")
    return task


def _record(event: object, task: ReconcileTask, actor: Actor) -> None:
    record(event, actor=actor, workspace_id=task.workspace_id, run_id=task.call.told_run_id)
