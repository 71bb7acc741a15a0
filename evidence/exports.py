"""Verbs that hand out parts of the record: an approval with the run behind it, and whole periods of a log."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db import transaction

from controlplane.lib.errors import NotFound
from evidence import access, exporting, periods, pruning, services
from evidence.bundling import Material
from evidence.errors import NotSealed
from evidence.events import EvidenceExported, PeriodExported
from evidence.models import Event
from evidence.verify.note import parse as parse_note
from tenants.actors import Actor
from tenants.permissions import Perm


def export_approval(
    *, run_id: UUID, request_id: UUID, actor: Actor, known_sizes: Iterable[int] = (), timeout_s: float = 10.0
) -> bytes:
    """The bundle of an approval: its run from the start up to the last word about it. The export goes on record.

    Raises NotFound for what the actor may not export, NotSealed when the sequencer does not get there in time.
    """
    last_event = _last_event(run_id, request_id, actor)
    if not services.wait_sealed(last_event, timeout_s):
        raise NotSealed(f"the approval {request_id} has events that no signed checkpoint covers yet")
    return _approval(run_id, request_id, actor, known_sizes)


@transaction.atomic(durable=True)
def export_period(
    *,
    log_id: UUID,
    actor: Actor,
    since: datetime | None = None,
    until: datetime | None = None,
    known_sizes: Iterable[int] = (),
) -> bytes:
    """The bundle of a period: all events of a log between two signed heads, complete by proof, without content.

    It begins at the newest head signed before `since` and ends at the first one signed at or after `until`, or the
    newest. Raises NotFound, NothingSealed or PeriodTooLong.
    """
    access.log_head(actor, log_id, Perm.EXPORT_EVIDENCE)
    period = periods.between(log_id, since, until)
    bundle, material = periods.bundle_of(period, known_sizes)
    told = PeriodExported(log_id, period.first, len(material.events), period.end.size)
    services.record(told, actor=actor, workspace_id=None if log_id == actor.tenant_id else log_id)
    return bundle


@transaction.atomic(durable=True)
def _last_event(run_id: UUID, request_id: UUID, actor: Actor) -> UUID:
    head = access.run_head(actor, run_id, Perm.EXPORT_EVIDENCE)
    pruning.require_whole(head)
    rows = list(Event.objects.filter(run_id=head.pk).order_by("run_seq"))
    last = exporting.last_about(rows, request_id)
    if not last:
        raise NotFound
    return rows[last - 1].pk


@transaction.atomic(durable=True)
def _approval(run_id: UUID, request_id: UUID, actor: Actor, known_sizes: Iterable[int]) -> bytes:
    head = access.run_head(actor, run_id, Perm.EXPORT_EVIDENCE)
    bundle, material = exporting.bundle_of(head, known_sizes, request_id=request_id)
    told = EvidenceExported(run_id, len(material.events), len(material.disclosures), _size(material), request_id)
    services.record(told, actor=actor, workspace_id=head.log_id)
    return bundle


def _size(material: Material) -> int:
    return parse_note(material.notes[-1].encode()).checkpoint.size
