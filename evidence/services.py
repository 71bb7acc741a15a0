"""Verbs of the record."""

import time
from collections.abc import Iterable, Sequence
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from controlplane.lib import clock
from evidence import access, exporting, pruning, recording
from evidence.errors import NotSealed
from evidence.events import EvidenceExported
from evidence.models import Checkpoint, Event, Leaf, RunHead
from evidence.recording import Entry, Recorded
from evidence.verify.note import parse as parse_note
from tenants import scope
from tenants.actors import Actor
from tenants.errors import OutsideTransaction, ScopeConflict
from tenants.permissions import Perm

POLL_S = 0.03


def record(event: object, *, actor: Actor, workspace_id: UUID | None = None, run_id: UUID | None = None) -> Recorded:
    """Write an event into the caller's open transaction: both are kept or neither is.

    `workspace_id` None is the tenant-wide log; an event of a run goes where the run's first event went.
    """
    return record_many([Entry(event, actor, workspace_id, run_id)])[0]


def record_many(entries: Sequence[Entry]) -> list[Recorded]:
    """Write events, in their order, into the caller's open transaction: all are kept or none is."""
    if not connection.in_atomic_block:
        raise OutsideTransaction("an event belongs to the transaction of what it tells of")
    for entry in entries:
        if entry.actor.tenant_id != scope.current():
            raise ScopeConflict(f"an actor of {entry.actor.tenant_id} cannot act in {scope.current()}")
    return recording.write_many(entries) if entries else []


def close_run(*, run_id: UUID, actor: Actor) -> Recorded:
    """Seal the run: how many events it has, and the root over them. In the caller's transaction.

    Happens by itself behind a `run.closed` event; a later event opens the run again, another seal closes it.
    """
    return recording.seal_run(run_id, actor=actor)


def is_closed(run_id: UUID) -> bool:
    """True when nothing followed the event that closed the run."""
    head = RunHead.objects.filter(pk=run_id).first()
    return head is not None and head.closed_seq == head.seq > 0


PRESSURES = ("evidence_log_frozen", "evidence_guard", "evidence_lag", "evidence_backlog")

_PRESSURE = """
SELECT EXISTS (SELECT 1 FROM evidence_loghead WHERE tenant_id = %(tenant)s AND frozen_reason <> ''),
       EXISTS (SELECT 1 FROM evidence_loghead WHERE id = %(tenant)s AND guard_faults <> ''),
       EXISTS (SELECT 1 FROM evidence_pending WHERE tenant_id = %(tenant)s
                  AND created_at < statement_timestamp() - make_interval(secs => %(lag_s)s)),
       EXISTS (SELECT 1 FROM evidence_pending WHERE tenant_id = %(tenant)s OFFSET %(most)s)
"""


def backpressure() -> str | None:
    """Why the current tenant may cause no effects now: the record cannot keep up, or its guards are down. None when
    all is well."""
    lag, most = settings.INTERLOCK_EVIDENCE_MAX_LAG_S, settings.INTERLOCK_EVIDENCE_MAX_PENDING
    with connection.cursor() as cursor:
        cursor.execute(_PRESSURE, {"tenant": scope.current(), "lag_s": lag, "most": most})
        found = cursor.fetchone()
    return next((code for code, holds in zip(PRESSURES, found, strict=True) if holds), None)


def wait_sealed(event_id: UUID, timeout_s: float) -> bool:
    """Wait until a signed checkpoint covers the event; False when the time is up. Call it outside transactions."""
    deadline = clock.monotonic() + timeout_s
    while not is_sealed(event_id):
        if clock.monotonic() >= deadline:
            return False
        time.sleep(POLL_S)
    return True


def is_sealed(event_id: UUID) -> bool:
    with transaction.atomic():
        leaf = Leaf.objects.filter(pk=event_id).first()
        return leaf is not None and Checkpoint.objects.filter(log_id=leaf.log_id, size__gt=leaf.index).exists()


def export_run(*, run_id: UUID, actor: Actor, known_sizes: Iterable[int] = (), timeout_s: float = 10.0) -> bytes:
    """The bundle of a run (`.evb`), once everything in it is sealed; the export itself goes on record.

    `known_sizes` are sizes of heads that the reader remembers: the bundle then proves that it extends them.
    Raises NotFound for what the actor may not export, NotSealed when the sequencer does not get there in time.
    """
    last_event = _complete(run_id, actor)
    if not wait_sealed(last_event, timeout_s):
        raise NotSealed(f"the run {run_id} has events that no signed checkpoint covers yet")
    return _bundle(run_id, actor, known_sizes)


@transaction.atomic(durable=True)
def _complete(run_id: UUID, actor: Actor) -> UUID:
    """Seal the run again when something followed its seal; returns its last event."""
    head = access.run_head(actor, run_id, Perm.EXPORT_EVIDENCE)
    end = recording.lock_run(run_id, head.log_id)
    pruning.require_whole(end)
    if 0 < end.closed_seq < end.seq:
        return close_run(run_id=run_id, actor=Actor.system(actor.tenant_id, "exporter")).id
    return Event.objects.get(run_id=run_id, run_seq=end.seq).pk


@transaction.atomic(durable=True)
def _bundle(run_id: UUID, actor: Actor, known_sizes: Iterable[int]) -> bytes:
    head = access.run_head(actor, run_id, Perm.EXPORT_EVIDENCE)
    bundle, material = exporting.bundle_of(head, known_sizes)
    size = parse_note(material.notes[-1].encode()).checkpoint.size
    told = EvidenceExported(run_id, len(material.events), len(material.disclosures), size)
    record(told, actor=actor, workspace_id=head.log_id)
    return bundle
