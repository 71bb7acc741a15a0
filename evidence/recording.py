"""Writing events: canonical bytes, the link inside the run, the ingest seal, the place in the queue."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings

from controlplane.lib import clock, events, ids
from evidence import keys, shapes
from evidence.committing import Sealer
from evidence.errors import EventMalformed, EventTooLarge, RunPruned, WrongLog
from evidence.events import RunSealed
from evidence.models import Event, RunHead
from evidence.storing import Written, store
from evidence.verify import envelope, jcs, merkle
from tenants import quick, scope
from tenants.actors import Actor

EPOCH = 1
RUN_SEALED = "run.sealed"
RUN_CLOSED = "run.closed"  # what the engine says at a run's end; the record seals the run behind it


@dataclass(frozen=True)
class Recorded:
    """The receipt of an event; `event_hash` is 32 bytes."""

    id: UUID
    event_hash: bytes


@dataclass(frozen=True)
class Entry:
    """What is to be written. `workspace_id` None: the tenant-wide log. A run's event goes where its first one went."""

    event: object
    actor: Actor
    workspace_id: UUID | None = None
    run_id: UUID | None = None


@dataclass(slots=True)
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
        """Whose shred key covers the content: the run's; what belongs to no run has a key of its own."""
        return self.run.pk if self.run is not None else self.id


def scope_of(tenant_id: UUID) -> str:
    """The prefix of every origin of a tenant."""
    return f"{settings.INTERLOCK_DEPLOYMENT}/{tenant_id}/"


def origin_of(tenant_id: UUID, log_id: UUID) -> str:
    return f"{scope_of(tenant_id)}{log_id}/{EPOCH}"


def write_many(entries: Sequence[Entry]) -> list[Recorded]:
    """Write events in the caller's transaction, in their order; a run that is closed is sealed behind that event.

    The row locks of the runs are held until that commits. They are taken in one order, so that two writers of the
    same runs cannot deadlock.
    """
    heads = _heads(entries)
    sealer = Sealer(heads)
    chains = _chains({entry.run_id for entry in entries if entry.run_id and events.type_of(entry.event) == RUN_CLOSED})
    written: list[Written] = []
    receipts = []
    for entry in entries:
        event = _event(entry, heads, sealer)
        written.append(event)
        receipts.append(Recorded(event.id, event.event_hash))
        if entry.run_id is not None and entry.run_id in chains:
            chains[entry.run_id].append(event.event_hash)
            if event.type == RUN_CLOSED:
                written.append(_event(_seal(entry, heads[entry.run_id], chains[entry.run_id]), heads, sealer))
                chains[entry.run_id].append(written[-1].event_hash)
    sealer.keep()
    store(written, heads)
    return receipts


def _chains(closing: Collection[UUID]) -> dict[UUID, list[bytes]]:
    """The hashes of the events of runs that are being closed, in their order."""
    chains: dict[UUID, list[bytes]] = {run_id: [] for run_id in closing}
    if closing:
        known = Event.objects.filter(run_id__in=closing).order_by("run_id", "run_seq")
        for run_id, hashed in known.values_list("run_id", "event_hash"):
            if run_id is not None:
                chains[run_id].append(bytes(hashed))
    return chains


def _seal(entry: Entry, head: RunHead, chain: Sequence[bytes]) -> Entry:
    """How many events the run has, and the root over them."""
    root = merkle.root_of([merkle.leaf_hash(hashed) for hashed in chain])
    return Entry(RunSealed(head.seq, root.hex()), entry.actor, None, entry.run_id)


def seal_run(run_id: UUID, *, actor: Actor) -> Recorded:
    """Seal a run again that something followed since."""
    head = lock_run(run_id, scope.current())
    return write_many([_seal(Entry(None, actor, None, run_id), head, _chains([run_id])[run_id])])[0]


def lock_run(run_id: UUID, log_id: UUID) -> RunHead:
    """The run's head, locked. Made on first use; the first event decides the log of a run."""
    return _locked({run_id: log_id})[run_id]


def _heads(entries: Sequence[Entry]) -> dict[UUID, RunHead]:
    """The locked heads of all runs that are written to; raises WrongLog or RunPruned."""
    logs: dict[UUID, UUID] = {}
    for entry in entries:
        if entry.run_id is not None:
            logs.setdefault(entry.run_id, entry.workspace_id or scope.current())
    heads = _locked(logs)
    for entry in entries:
        if entry.run_id is not None and heads[entry.run_id].pruned:
            raise RunPruned(f"the run {entry.run_id} is over, and its time too")
        if entry.run_id is not None and entry.workspace_id not in (None, heads[entry.run_id].log_id):
            raise WrongLog(f"the run {entry.run_id} writes into the log {heads[entry.run_id].log_id}")
    return heads


def _locked(logs: Mapping[UUID, UUID]) -> dict[UUID, RunHead]:
    if not logs:
        return {}
    heads = {head.pk: head for head in quick.find(RunHead, lock=True, id=list(logs))}
    if len(heads) < len(logs):
        new = [RunHead(id=run_id, log_id=log_id) for run_id, log_id in sorted(logs.items()) if run_id not in heads]
        RunHead.objects.bulk_create(new, ignore_conflicts=True)
        heads = {head.pk: head for head in quick.find(RunHead, lock=True, id=list(logs))}
    return heads


def _event(entry: Entry, heads: Mapping[UUID, RunHead], sealer: Sealer) -> Written:
    """The row of an event; its run's head moves on in memory."""
    run = heads[entry.run_id] if entry.run_id is not None else None
    log_id = run.log_id if run is not None else entry.workspace_id or scope.current()
    draft = Draft(ids.uuid7(), events.type_of(entry.event), events.fields_of(entry.event), entry.actor, log_id, run)
    body = _body(draft, sealer)
    hashed = envelope.event_hash(body)
    if run is not None:
        _advance(run, draft.type, hashed)
    return Written(
        id=draft.id,
        log_id=log_id,
        run_id=run.pk if run else None,
        run_seq=run.seq if run else None,
        type=draft.type,
        body=body,
        event_hash=hashed,
        mac=keys.mac(scope.current(), body),
    )


def _advance(run: RunHead, type_name: str, hashed: bytes) -> None:
    run.seq += 1
    run.last_hash = hashed
    if type_name == RUN_SEALED:
        run.closed_seq = run.seq


def _body(draft: Draft, sealer: Sealer) -> bytes:
    data = sealer.of(draft.id, draft.subject_id).sealed("/data", draft.data)
    if not shapes.fits(draft.type, data):
        raise EventMalformed(f"this is not the published shape of {draft.type}")
    body: dict[str, Any] = {
        "v": 1,
        "id": str(draft.id),
        "type": draft.type,
        "origin": origin_of(scope.current(), draft.log_id),
        "time": clock.now_ms(),
        "actor": _actor(draft.actor),
        "data": data,
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
