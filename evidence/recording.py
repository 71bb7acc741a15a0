"""Writing events: canonical bytes, the link inside the run, the ingest seal, the place in the queue."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings

from controlplane.lib import clock, events, ids
from evidence import keys
from evidence.committing import Committer
from evidence.errors import EventTooLarge, WrongLog
from evidence.models import Event, Pending, RunHead
from evidence.verify import envelope, jcs
from tenants import scope
from tenants.actors import Actor

EPOCH = 1
RUN_SEALED = "run.sealed"


@dataclass(frozen=True)
class Recorded:
    """The receipt of an event; `event_hash` is 32 bytes."""

    id: UUID
    event_hash: bytes


@dataclass(frozen=True)
class Draft:
    """An event on its way in: what the writer knows before the bytes exist."""

    id: UUID
    type: str
    data: dict[str, Any]
    actor: Actor
    log_id: UUID
    run: RunHead | None

    @property
    def subject_id(self) -> UUID:
        return self.run.pk if self.run is not None else self.log_id


def scope_of(tenant_id: UUID) -> str:
    """The prefix of every origin of a tenant."""
    return f"{settings.INTERLOCK_DEPLOYMENT}/{tenant_id}/"


def origin_of(tenant_id: UUID, log_id: UUID) -> str:
    return f"{scope_of(tenant_id)}{log_id}/{EPOCH}"


def write(event: object, *, actor: Actor, workspace_id: UUID | None, run_id: UUID | None) -> Recorded:
    """Write one event in the caller's transaction. The run's row lock is held until that commits."""
    run = lock_run(run_id, workspace_id or scope.current()) if run_id is not None else None
    if run is not None and workspace_id not in (None, run.log_id):
        raise WrongLog(f"the run {run_id} writes into the log {run.log_id}")
    log_id = run.log_id if run is not None else workspace_id or scope.current()
    fields = events.fields_of(event)
    draft = Draft(ids.uuid7(), events.type_of(event), fields, actor, log_id, run)
    return _append(draft)


def lock_run(run_id: UUID, log_id: UUID) -> RunHead:
    """The run's head, locked. Made on first use; the first event decides the log of a run."""
    heads = RunHead.objects.select_for_update().filter(pk=run_id)
    head = heads.first()
    if head is None:
        RunHead.objects.bulk_create([RunHead(id=run_id, log_id=log_id)], ignore_conflicts=True)
        head = heads.get()
    return head


def _append(draft: Draft) -> Recorded:
    body = _body(draft)
    hashed = envelope.event_hash(body)
    run = draft.run
    Event.objects.create(
        id=draft.id,
        log_id=draft.log_id,
        run_id=run.pk if run else None,
        run_seq=run.seq + 1 if run else None,
        type=draft.type,
        body=body,
        event_hash=hashed,
        mac=keys.mac(scope.current(), body),
    )
    Pending.objects.create(event_id=draft.id, log_id=draft.log_id)
    if run is not None:
        _advance(run, draft.type, hashed)
    return Recorded(draft.id, hashed)


def _advance(run: RunHead, type_name: str, hashed: bytes) -> None:
    run.seq += 1
    run.last_hash = hashed
    if type_name == RUN_SEALED:
        run.closed_seq = run.seq
    run.save(update_fields=["seq", "last_hash", "closed_seq"])


def _body(draft: Draft) -> bytes:
    body: dict[str, Any] = {
        "v": 1,
        "id": str(draft.id),
        "type": draft.type,
        "origin": origin_of(scope.current(), draft.log_id),
        "time": clock.now_ms(),
        "actor": _actor(draft.actor),
        "data": Committer(draft.id, draft.subject_id).sealed("/data", draft.data),
    }
    if draft.run is not None:
        body["run"] = _link(draft.run)
    encoded = jcs.dumps(body)
    if len(encoded) > envelope.MAX_EVENT:
        raise EventTooLarge(f"{draft.type} takes {len(encoded)} bytes of {envelope.MAX_EVENT}: commit to its content")
    return encoded


def _actor(actor: Actor) -> dict[str, str]:
    """Opaque ids only: names live outside the record and can be erased there."""
    members = {"kind": str(actor.kind), "id": str(actor.id), "method": actor.method}
    return {**members, "on_behalf_of": str(actor.on_behalf_of)} if actor.on_behalf_of else members


def _link(run: RunHead) -> dict[str, Any]:
    link: dict[str, Any] = {"id": str(run.pk), "seq": run.seq + 1}
    return {**link, "prev": bytes(run.last_hash).hex()} if run.seq else link
