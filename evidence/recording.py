"""Writing events: canonical bytes, the link inside the run, the ingest seal, the place in the queue."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings

from controlplane.lib import clock, events, ids
from evidence import heads, keys, shapes
from evidence.committing import Sealer
from evidence.errors import EventMalformed, EventTooLarge, RunPruned, WrongLog
from evidence.events import RunSealed
from evidence.heads import End
from evidence.models import Event
from evidence.storing import Written, store, store_behind
from evidence.verify import envelope, jcs, merkle
from tenants import scope
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
    run: End | None

    @property
    def subject_id(self) -> UUID:
        """Whose shred key covers the content: the run's; what belongs to no run has a key of its own."""
        return self.run.id if self.run is not None else self.id


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
    if len(entries) == 1 and (receipt := _behind_the_last(entries[0])) is not None:
        return [receipt]
    ends = _ends(entries)
    sealer = Sealer(ends)
    chains = _chains({entry.run_id for entry in entries if entry.run_id and events.type_of(entry.event) == RUN_CLOSED})
    written: list[Written] = []
    receipts = []
    for entry in entries:
        event = _event(entry, ends, sealer)
        written.append(event)
        receipts.append(Recorded(event.id, event.event_hash))
        if entry.run_id is not None and entry.run_id in chains:
            chains[entry.run_id].append(event.event_hash)
            if event.type == RUN_CLOSED:
                written.append(_event(_seal(entry, ends[entry.run_id], chains[entry.run_id]), ends, sealer))
                chains[entry.run_id].append(written[-1].event_hash)
    sealer.keep()
    store(written, ends)
    heads.remember(ends.values())
    return receipts


def _behind_the_last(entry: Entry) -> Recorded | None:
    """Write an event behind the one that this process wrote last in the run, without asking where the run ends: the
    statement moves the run's head from there or does nothing. None when nothing was written.

    Content takes the lock first: the keys of a run are made under it. So does what closes a run.
    """
    end = heads.recall(entry.run_id) if entry.run_id is not None else None
    if end is None or entry.workspace_id not in (None, end.log_id) or events.type_of(entry.event) == RUN_CLOSED:
        return None
    if events.holds_content(entry.event):
        return None
    before = end.last_hash
    written = _event(entry, {end.id: end}, Sealer([]))
    if not store_behind(written, before, end):
        heads.forget(end.id)
        return None
    heads.remember([end])
    return Recorded(written.id, written.event_hash)


def _chains(closing: Collection[UUID]) -> dict[UUID, list[bytes]]:
    """The hashes of the events of runs that are being closed, in their order."""
    chains: dict[UUID, list[bytes]] = {run_id: [] for run_id in closing}
    if closing:
        known = Event.objects.filter(run_id__in=closing).order_by("run_id", "run_seq")
        for run_id, hashed in known.values_list("run_id", "event_hash"):
            if run_id is not None:
                chains[run_id].append(bytes(hashed))
    return chains


def _seal(entry: Entry, head: End, chain: Sequence[bytes]) -> Entry:
    """How many events the run has, and the root over them."""
    root = merkle.root_of([merkle.leaf_hash(hashed) for hashed in chain])
    return Entry(RunSealed(head.seq, root.hex()), entry.actor, None, entry.run_id)


def seal_run(run_id: UUID, *, actor: Actor) -> Recorded:
    """Seal a run again that something followed since."""
    head = lock_run(run_id, scope.current())
    return write_many([_seal(Entry(None, actor, None, run_id), head, _chains([run_id])[run_id])])[0]


def lock_run(run_id: UUID, log_id: UUID) -> End:
    """The run's head, locked. Made on first use; the first event decides the log of a run."""
    return heads.locked({run_id: log_id})[run_id]


def _ends(entries: Sequence[Entry]) -> dict[UUID, End]:
    """The locked heads of all runs that are written to; raises WrongLog or RunPruned."""
    logs: dict[UUID, UUID] = {}
    for entry in entries:
        if entry.run_id is not None:
            logs.setdefault(entry.run_id, entry.workspace_id or scope.current())
    ends = heads.locked(logs)
    for entry in entries:
        if entry.run_id is not None and ends[entry.run_id].pruned:
            raise RunPruned(f"the run {entry.run_id} is over, and its time too")
        if entry.run_id is not None and entry.workspace_id not in (None, ends[entry.run_id].log_id):
            raise WrongLog(f"the run {entry.run_id} writes into the log {ends[entry.run_id].log_id}")
    return ends


def _event(entry: Entry, ends: Mapping[UUID, End], sealer: Sealer) -> Written:
    """The row of an event; its run's head moves on in memory."""
    run = ends[entry.run_id] if entry.run_id is not None else None
    log_id = run.log_id if run is not None else entry.workspace_id or scope.current()
    draft = Draft(ids.uuid7(), events.type_of(entry.event), events.fields_of(entry.event), entry.actor, log_id, run)
    body = _body(draft, sealer)
    hashed = envelope.event_hash(body)
    if run is not None:
        _advance(run, draft.type, hashed)
    return Written(
        id=draft.id,
        log_id=log_id,
        run_id=run.id if run else None,
        run_seq=run.seq if run else None,
        type=draft.type,
        body=body,
        event_hash=hashed,
        mac=keys.mac(scope.current(), body),
    )


def _advance(run: End, type_name: str, hashed: bytes) -> None:
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


def _link(run: End) -> dict[str, Any]:
    link: dict[str, Any] = {"id": str(run.id), "seq": run.seq + 1}
    return {**link, "prev": run.last_hash.hex()} if run.seq else link
