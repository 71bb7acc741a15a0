"""From the queue into the log: dense indices, linked leaves, a growing tree, a signed head.

Writers never touch a log's head. A sequencer locks the head, empties a part of its queue and commits; signing is
a second transaction. Several may run: they skip what another has locked. A kill at any point loses nothing,
because queue, leaves, tree and head change in one transaction, and signing the same tree twice gives the same note.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from uuid import UUID

from django.db import connection, transaction

from controlplane.lib import clock
from controlplane.lib.logs import bind, get_logger
from evidence import keyrings, recording, retained, screening, trees
from evidence.events import EventQuarantined, LogHeartbeat
from evidence.models import Checkpoint, Leaf, LogHead, Pending, Quarantine
from evidence.screening import Poison
from evidence.storing import Written
from evidence.verify import envelope, merkle, note
from tenants import arrays, quick, rounds, scope
from tenants.actors import Actor

BATCH = 1000
HEARTBEAT_MS = 3600 * 1000

_QUEUED = "SELECT DISTINCT tenant_id, log_id FROM evidence_pending"
_UNSIGNED = "SELECT tenant_id, id FROM evidence_loghead WHERE size > signed_size AND frozen_reason = ''"
_DELETE = "DELETE FROM evidence_pending WHERE tenant_id = %b AND log_id = %b AND event_id = ANY(%b::uuid[])"

log = get_logger(__name__)
_begun: set[UUID] = set()
"""Logs whose head this process has seen."""


def run_once() -> int:
    """One round over all logs; returns how many leaves were added and heads signed. To sign may need a key, and a new
    key is told of in the queue. No log waits for what goes wrong in another."""
    added = _in_each(_places(_QUEUED), _in_log)
    return added + _in_each(_places(_UNSIGNED), _sign_log)


def lacking() -> list[tuple[UUID, UUID]]:
    """Tenant and log of whatever waits for a leaf or a signature."""
    return sorted({*_places(_QUEUED), *_places(_UNSIGNED)})


def beat() -> int:
    """A heartbeat for each log that was silent for an hour; returns how many."""
    silent = LogHead.unscoped.filter(last_ms__lt=clock.now_ms() - HEARTBEAT_MS, frozen_reason="")
    with transaction.atomic(durable=True):
        logs = list(silent.values_list("tenant_id", "id"))
    return _in_each(logs, _beat_log)


def _in_each(places: Iterable[tuple[UUID, UUID]], work: Callable[[UUID, UUID], int]) -> int:
    done = 0
    for tenant_id, log_id in places:
        with bind(tenant_id=tenant_id, log_id=log_id):
            done += rounds.attempt(partial(work, tenant_id, log_id), otherwise=0)
    return done


def _places(query: str) -> list[tuple[UUID, UUID]]:
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute(query)
        return list(cursor.fetchall())


@contextmanager
def _locked(tenant_id: UUID, log_id: UUID) -> Iterator[LogHead | None]:
    """The head of a log for this transaction; None when another sequencer has it or it is frozen."""
    with scope.enter(tenant_id), transaction.atomic(durable=True):
        yield next(iter(quick.find(LogHead, lock="FOR UPDATE SKIP LOCKED", id=log_id, frozen_reason="")), None)


def _in_log(tenant_id: UUID, log_id: UUID) -> int:
    if log_id not in _begun:
        _ensure_head(tenant_id, log_id)
        _begun.add(log_id)
    with _locked(tenant_id, log_id) as head:
        if head is not None:
            return _take_batch(head)
    _begun.discard(log_id)
    return 0


def _ensure_head(tenant_id: UUID, log_id: UUID) -> None:
    with scope.enter(tenant_id), transaction.atomic(durable=True):
        if not LogHead.objects.filter(pk=log_id).exists():
            head = LogHead(id=log_id, origin=recording.origin_of(tenant_id, log_id))
            LogHead.objects.bulk_create([head], ignore_conflicts=True)


def _take_batch(head: LogHead) -> int:
    """Queue order is the order of the run locks, so a leaf never comes before its run's predecessor."""
    sifted = screening.sift(head, screening.waiting(head, BATCH))
    for poison in sifted.poisoned:
        _set_aside(head, poison)
    _append(head, sifted.sound)
    _leave([event.id for event in sifted.sound] + [poison.event_id for poison in sifted.poisoned], head)
    head.save()
    return len(sifted.sound)


def _leave(event_ids: list[UUID], head: LogHead) -> None:
    with arrays.cursor() as cursor:
        cursor.execute(_DELETE, [scope.current(), head.pk, event_ids])


def _set_aside(head: LogHead, poison: Poison) -> None:
    """It never becomes a leaf; a leaf tells of it, by the hash that it has now. What is a leaf already stays one."""
    log.error("event set aside", extra={"event_id": str(poison.event_id), "reason": poison.reason})
    if poison.reason != "replayed":
        row = Quarantine(id=poison.event_id, log_id=head.pk, reason=poison.reason)
        Quarantine.objects.bulk_create([row], ignore_conflicts=True)
    found = envelope.event_hash(poison.event.body).hex() if poison.event is not None else None
    _write(scope.current(), head.pk, EventQuarantined(poison.event_id, poison.reason, found))


def _append(head: LogHead, events: Sequence[Written]) -> None:
    """The leaves of these events behind the last one, and the tree over them."""
    if not events:
        return
    head.last_ms = max(head.last_ms, clock.now_ms())
    start, (leaves, hashes) = head.size, _leaves(head, events)
    columns = {
        "id": [event.id for event in events],
        "log_id": [head.pk] * len(events),
        "index": range(start, start + len(events)),
        "leaf": leaves,
        "leaf_hash": hashes,
    }
    quick.insert_columns(Leaf, columns)
    quick.insert(trees.grow(head, hashes))
    head.last_leaf = hashes[-1]


def _leaves(head: LogHead, events: Sequence[Written]) -> tuple[list[bytes], list[bytes]]:
    """The leaves and their hashes."""
    previous, leaves, hashes = bytes(head.last_leaf) or envelope.NO_LEAF, [], []
    for index, event in enumerate(events, start=head.size):
        leaf = envelope.leaf_bytes(envelope.Leaf(event.event_hash, index, head.origin, previous, head.last_ms))
        previous = merkle.leaf_hash(leaf)
        leaves.append(leaf)
        hashes.append(previous)
    return leaves, hashes


def _sign_log(tenant_id: UUID, log_id: UUID) -> int:
    """1 when the head is signed now, or is frozen from now on."""
    with _locked(tenant_id, log_id) as head:
        if head is None or head.signed_size >= head.size:
            return 0
        fork = _fork(head)
        if fork:
            head.frozen_reason = fork
            log.critical("log frozen", extra={"log_id": str(log_id), "reason": fork})
        else:
            _sign(head)
        head.save()
        return 1


def _fork(head: LogHead) -> str:
    """Why this tree does not extend what was signed before; empty when it does."""
    before = retained.last(head.pk)
    if before is None:
        return ""
    if before.epoch > note.log_and_epoch(head.origin)[1]:
        return f"epoch {before.epoch} was signed, {head.origin} is here"
    if before.size > head.size:
        return f"{before.size} leaves were signed, {head.size} are here"
    try:
        root = merkle.root_at(before.size, trees.StoredNodes(head.pk))
    except LookupError as missing:
        return str(missing)
    return "" if root == before.root else f"the first {before.size} leaves are not those that were signed"


def _sign(head: LogHead) -> None:
    sealing = keyrings.sealing(scope.current(), "checkpoint")
    signed = retained.Signed(head.size, trees.root_of(head), note.log_and_epoch(head.origin)[1])
    text = note.sign(note.Checkpoint(head.origin, signed.size, signed.root), sealing.signer)
    retained.keep(head.pk, signed)
    Checkpoint.objects.create(log_id=head.pk, size=signed.size, root=signed.root, note=text)
    head.signed_size = head.size


def _beat_log(tenant_id: UUID, log_id: UUID) -> int:
    """The lock and the second look keep two sequencers from beating twice."""
    with _locked(tenant_id, log_id) as head:
        if head is None or head.last_ms >= clock.now_ms() - HEARTBEAT_MS:
            return 0
        if Pending.objects.filter(log_id=log_id).exists():
            return 0
        _write(tenant_id, log_id, LogHeartbeat(head.size))
        return 1


def _write(tenant_id: UUID, log_id: UUID, event: object) -> None:
    actor = Actor.system(tenant_id, "sequencer")
    recording.write_many([recording.Entry(event, actor, log_id)])
