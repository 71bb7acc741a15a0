"""Export as a job: it waits until everything is sealed, says how far it is, and can be fetched when it is ready.

Closing the page does not end it. A bundle that may hold opened content is put together when it is fetched and kept
nowhere, so that what was erased in between is not in it; the bundle of a period holds none and is kept.
"""

import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q
from django_q.tasks import async_task

from controlplane.lib import clock
from controlplane.lib.errors import DomainError, Invalid, NotFound
from evidence import access, exports, pruning, services
from evidence.errors import ExportNotReady
from evidence.events import ExportRequested
from evidence.models import Checkpoint, Event, ExportJob, Leaf
from tenants import payloads, scope
from tenants.actors import Actor
from tenants.permissions import Perm

TASK = "evidence.tasks.export"
QUEUED, RUNNING, DONE, FAILED = "QUEUED", "RUNNING", "DONE", "FAILED"
RUN, APPROVAL, PERIOD = "run", "approval", "period"
LEASE = timedelta(seconds=90)
PATIENCE = timedelta(minutes=15)
SLICE_S = 15.0
_OPEN = (QUEUED, RUNNING)


@transaction.atomic(durable=True)
def request(
    *,
    kind: str,
    log_id: UUID | None = None,
    run_id: UUID | None = None,
    request_id: UUID | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    actor: Actor,
) -> ExportJob:
    """Have the bundle of a run, of an approval (with its run) or of a period of a log made. Needs EXPORT_EVIDENCE."""
    log_id = _log_of(kind, log_id, run_id, request_id, actor)
    job = ExportJob.objects.create(
        kind=kind, log_id=log_id, run_id=run_id, request_id=request_id, since=since, until=until, state=QUEUED,
        actor_kind=actor.kind, actor_id=actor.id, actor_label=actor.label, actor_method=actor.method,
    )  # fmt: skip
    told = ExportRequested(job.pk, kind, log_id, run_id, request_id)
    services.record(told, actor=actor, workspace_id=None if log_id == actor.tenant_id else log_id)
    _enqueue(job)
    return job


def carry_on(job_id: UUID) -> None:
    """One slice of a job; may be called twice or late, its lease decides. For a worker."""
    job = _claim(job_id)
    if job is None:
        return
    try:
        _work(job)
    except DomainError as refusal:
        _end(job, FAILED, problem=f"{refusal.code}: {refusal.detail}"[:500])


def overdue(limit: int = 100) -> int:
    """Enqueue jobs of the entered tenant whose task was lost; returns how many. For the sweeper."""
    with transaction.atomic():
        late = ExportJob.objects.filter(_free(), state__in=_OPEN, created_at__lt=clock.now() - LEASE)[:limit]
        return sum(_enqueue(job) for job in late)


def fetch(*, job_id: UUID, actor: Actor) -> tuple[str, bytes]:
    """(file name, bundle) of a job that is ready. Who asked for it or may export there may fetch it."""
    with transaction.atomic():
        job = access.export_job(actor, job_id)
        if job.state != DONE:
            raise ExportNotReady(f"the job is {job.state.lower()}")
        if job.kind == PERIOD:
            return f"period-{job.pk}.evb", payloads.get(job.digest)
    if job.kind == APPROVAL:
        content = exports.export_approval(run_id=_known(job.run_id), request_id=_known(job.request_id), actor=actor)
        return f"approval-{job.request_id}.evb", content
    return f"run-{job.run_id}.evb", services.export_run(run_id=_known(job.run_id), actor=actor)


def _log_of(kind: str, log_id: UUID | None, run_id: UUID | None, request_id: UUID | None, actor: Actor) -> UUID:
    """The log that the subject lies in; raises NotFound for what the actor may not export."""
    needed: Mapping[str, tuple[UUID | None, ...]] = {RUN: (run_id,), APPROVAL: (run_id, request_id), PERIOD: (log_id,)}
    if kind not in needed or None in needed[kind]:
        raise Invalid("an export is of a run, of an approval with its run, or of a period of a log", field="kind")
    if kind == PERIOD:
        return access.log_head(actor, _known(log_id), Perm.EXPORT_EVIDENCE).pk
    head = access.run_head(actor, _known(run_id), Perm.EXPORT_EVIDENCE)
    pruning.require_whole(head)
    return head.log_id


def _work(job: ExportJob) -> None:
    actor = Actor(job.actor_kind, job.actor_id, scope.current(), job.actor_label, job.actor_method)
    if job.kind == PERIOD:
        bundle = exports.export_period(log_id=job.log_id, since=job.since, until=job.until, actor=actor)
        _keep(job, bundle)
        return
    until = clock.monotonic() + SLICE_S
    while True:
        total, sealed = _progress(job)
        if total == sealed:
            _end(job, DONE, total=total, done=sealed)
            return
        if clock.now() - job.created_at > PATIENCE:
            _end(job, FAILED, problem="not_sealed: the sequencer did not get to these events", total=total, done=sealed)
            return
        if clock.monotonic() > until:
            _pause(job, total=total, done=sealed)
            return
        _note(job, total=total, done=sealed)
        time.sleep(services.POLL_S)


@transaction.atomic
def _progress(job: ExportJob) -> tuple[int, int]:
    """(events, of them under a signed head)."""
    events = list(Event.objects.filter(run_id=job.run_id).values_list("pk", flat=True))
    newest = Checkpoint.objects.filter(log_id=job.log_id).order_by("-size").values_list("size", flat=True).first()
    return len(events), Leaf.objects.filter(pk__in=events, index__lt=newest or 0).count()


@transaction.atomic(durable=True)
def _keep(job: ExportJob, bundle: bytes) -> None:
    digest = payloads.put(bundle, "application/zip")
    _finish(job, DONE, digest=digest, size=len(bundle), total=1, done=1)


@transaction.atomic(durable=True)
def _end(job: ExportJob, state: str, **changes: Any) -> None:
    _finish(job, state, **changes)


def _finish(job: ExportJob, state: str, **changes: Any) -> None:
    _mine(job).update(state=state, lease_until=None, ended_at=clock.now(), **changes)


@transaction.atomic(durable=True)
def _note(job: ExportJob, **changes: Any) -> None:
    _mine(job).update(**changes)


@transaction.atomic(durable=True)
def _pause(job: ExportJob, **changes: Any) -> None:
    if _mine(job).update(lease_until=None, **changes):
        _enqueue(job)


def _mine(job: ExportJob) -> Any:
    return ExportJob.objects.filter(pk=job.pk, fence=job.fence, state=RUNNING)


@transaction.atomic(durable=True)
def _claim(job_id: UUID) -> ExportJob | None:
    mine = ExportJob.objects.filter(_free(), pk=job_id, state__in=_OPEN)
    taken = mine.update(state=RUNNING, fence=F("fence") + 1, lease_until=clock.now() + LEASE)
    return ExportJob.objects.get(pk=job_id) if taken else None


def _free() -> Q:
    return Q(lease_until=None) | Q(lease_until__lte=clock.now())


def _enqueue(job: ExportJob) -> bool:
    async_task(TASK, str(scope.current()), str(job.pk))
    return True


def _known(value: UUID | None) -> UUID:
    if value is None:
        raise NotFound
    return value
