"""Erasure, legal hold, retention: what a tenant does with the content behind its record. The record itself stays."""

from collections.abc import Collection, Iterable
from uuid import UUID

from django.db import transaction

from controlplane.lib import clock
from controlplane.lib.errors import Invalid, NotFound
from evidence import access, keeping, recording, shredding
from evidence.errors import NotOver, OnHold
from evidence.events import ErasureCompleted, ErasureRefused, HoldPlaced, HoldReleased, PersonErased, RetentionSet
from evidence.models import LegalHold, Retention, RunHead
from evidence.services import record
from tenants.actors import Actor
from tenants.permissions import Perm, require

SHORTEST_AUDIT_DAYS = 183
CONTENT_DAYS = range(14, 31)


def shred(*, run_id: UUID, reason: str, actor: Actor) -> bool:
    """Destroy the key and the kept content of a run: its commitments stay, nobody can open them again.

    Needs ADMIN; raises NotFound, and OnHold, which itself goes on record. False when nothing was left.
    """
    try:
        return _shred(run_id, reason, actor)
    except OnHold as held:
        _refused(run_id, held.detail, actor)
        raise


@transaction.atomic(durable=True)
def _shred(run_id: UUID, reason: str, actor: Actor) -> bool:
    require(actor, Perm.ADMIN)
    require_free([run_id])
    return destroy(run_id, reason, actor)


def destroy(run_id: UUID, reason: str, actor: Actor) -> bool:
    """Inside an open transaction, for a run that may be erased."""
    there = shredding.destroy(run_id)
    if keeping.forget([run_id]) or there:
        record(ErasureCompleted(run_id, reason), actor=actor, run_id=run_id)
        _sealed_again(run_id, actor)
        return True
    return False


def destroy_subjects(subjects: Collection[UUID]) -> None:
    """Keys and content of events that belong to no run."""
    for subject_id in sorted(subjects):
        shredding.destroy(subject_id)
    keeping.forget(sorted(subjects))


def tell_of_person(*, runs: Collection[UUID], contents: int, payloads: int, reason: str, actor: Actor) -> None:
    """That a person's data was erased; in the tenant's own log, in an open transaction."""
    record(PersonErased(sorted(runs), contents, payloads, reason), actor=actor)


def require_free(runs: Iterable[UUID]) -> None:
    """Raises OnHold for a run under a legal hold, NotOver for one that goes on."""
    held = LegalHold.objects.filter(run_id__in=list(runs), released_at=None).first()
    if held is not None:
        raise OnHold(held.reason)
    going = [str(head.pk) for head in RunHead.objects.filter(pk__in=list(runs)) if not head.closed_seq]
    if going:
        raise NotOver(f"end it first: {', '.join(going)}")


@transaction.atomic(durable=True)
def refuse(runs: Iterable[UUID], basis: str, actor: Actor) -> None:
    """That an erasure was refused, for each of the runs that are held."""
    for held in LegalHold.objects.filter(run_id__in=list(runs), released_at=None).order_by("run_id"):
        record(ErasureRefused(held.run_id, basis), actor=actor)


def _refused(run_id: UUID, basis: str, actor: Actor) -> None:
    refuse([run_id], basis, actor)


@transaction.atomic(durable=True)
def hold(*, run_id: UUID, reason: str, actor: Actor) -> LegalHold:
    """Keep what is kept of a run until `release`. Again: the same hold. Needs ADMIN; raises NotFound."""
    require(actor, Perm.ADMIN)
    if not reason.strip():
        raise Invalid("say on what ground", field="reason")
    head = access.run_head(actor, run_id)
    known = LegalHold.objects.filter(run_id=run_id, released_at=None).first()
    if known is not None:
        return known
    made = LegalHold.objects.create(run_id=run_id, reason=reason[:500], placed_by=actor.id)
    record(HoldPlaced(made.pk, run_id, made.reason), actor=actor, workspace_id=head.log_id)
    return made


@transaction.atomic(durable=True)
def release(*, run_id: UUID, actor: Actor) -> None:
    """End the hold of a run. Needs ADMIN; raises NotFound."""
    require(actor, Perm.ADMIN)
    head = access.run_head(actor, run_id)
    held = LegalHold.objects.select_for_update().filter(run_id=run_id, released_at=None).first()
    if held is None:
        raise NotFound
    LegalHold.objects.filter(pk=held.pk).update(released_at=clock.now(), released_by=actor.id)
    record(HoldReleased(held.pk, run_id), actor=actor, workspace_id=head.log_id)


@transaction.atomic(durable=True)
def set_retention(*, content_days: int, audit_days: int, actor: Actor) -> Retention:
    """For how long content (14 to 30 days) and the record (half a year at least) are kept. Needs ADMIN."""
    require(actor, Perm.ADMIN)
    if content_days not in CONTENT_DAYS or audit_days < SHORTEST_AUDIT_DAYS:
        raise Invalid(f"content 14 to 30 days, the record at least {SHORTEST_AUDIT_DAYS}", field="content_days")
    row, _ = Retention.objects.update_or_create(defaults={"content_days": content_days, "audit_days": audit_days})
    record(RetentionSet(content_days, audit_days), actor=actor)
    return row


def retention_of(actor: Actor) -> Retention:
    """What holds for the actor's tenant. Needs VIEW."""
    require(actor, Perm.VIEW)
    return Retention.objects.first() or Retention()


def _sealed_again(run_id: UUID, actor: Actor) -> None:
    """The receipt belongs to the run: its seal covers it."""
    head = RunHead.objects.get(pk=run_id)
    if 0 < head.closed_seq < head.seq:
        recording.seal_run(run_id, actor=Actor.system(actor.tenant_id, "eraser"))
