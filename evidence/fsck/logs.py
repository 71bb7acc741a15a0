"""One log from its first leaf to its last: the links, the events behind them, the tree, and every signed head."""

import hmac
from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import UUID

from django.db import connection

from evidence import columns, keys, trees
from evidence.columns import Columns
from evidence.fsck import pruned
from evidence.fsck.findings import Finding
from evidence.models import Checkpoint, LogHead, Node
from evidence.retained import Signed
from evidence.verify import envelope, merkle, note
from evidence.verify.envelope import Leaf
from evidence.verify.keyring import Key
from evidence.verify.malformed import Malformed
from evidence.verify.pruning import Index, Pruned
from tenants import scope

CHUNK = 1000

_LEAVES = """
SELECT l.id, l.index, l.leaf, l.leaf_hash, e.body, e.event_hash, e.mac, e.type, e.log_id, e.run_id, e.run_seq,
       e.acted
  FROM evidence_leaf l LEFT JOIN evidence_event e ON e.id = l.id
 WHERE l.tenant_id = %s AND l.log_id = %s AND l.index > %s ORDER BY l.index LIMIT %s
"""


@dataclass(frozen=True, slots=True)
class Row:
    """A leaf beside its event; `body` None when the event is gone."""

    id: UUID
    index: int
    leaf: bytes
    leaf_hash: bytes
    body: bytes | None
    event_hash: bytes
    mac: bytes
    type: str
    log_id: UUID
    run_id: UUID | None
    run_seq: int | None
    acted: bytes | None


@dataclass
class Walk:
    """What has been derived so far. `roots`: those that the tree had at the sizes that were asked for; `pruned`: the
    leaves that may be without their events."""

    head: LogHead
    asked: frozenset[int]
    nodes: dict[tuple[int, int], bytes]
    pruned: Index
    roots: dict[int, bytes] = field(default_factory=dict)
    size: int = 0
    peaks: list[bytes] = field(default_factory=list)
    previous: bytes = envelope.NO_LEAF
    at_ms: int = 0


def check(head: LogHead, signed: Signed | None, sealing_keys: list[Key]) -> Iterator[Finding]:
    """Everything about one log. `signed`: the head that is kept outside the database, read before the snapshot."""
    checkpoints = list(Checkpoint.objects.filter(log_id=head.pk).order_by("size"))
    asked = frozenset(checkpoint.size for checkpoint in checkpoints) | ({signed.size} if signed else set())
    nodes = Node.objects.filter(log_id=head.pk).values_list("level", "index", "hash")
    index, found = pruned.read(head, sealing_keys)
    yield from found
    walk = Walk(head, asked, {(level, number): bytes(hashed) for level, number, hashed in nodes}, index)
    for row in _rows(head.pk):
        yield from _step(walk, row)
    yield from _end(walk)
    for checkpoint in checkpoints:
        if walk.roots.get(checkpoint.size) != bytes(checkpoint.root):
            yield Finding("CHECKPOINT-ROOT", head.origin, f"the signed head of {checkpoint.size} leaves is over others")
        yield from _signature(checkpoint, head.origin, [key for key in sealing_keys if key.use == "checkpoint"])
    if signed is not None and signed.size and walk.roots.get(signed.size) != signed.root:
        yield Finding("SIGNED-HEAD", head.origin, f"what left the house, of {signed.size} leaves, is not what is here")
    if head.frozen_reason:
        yield Finding("LOG-FROZEN", head.origin, head.frozen_reason)


def _rows(log_id: UUID) -> Iterator[Row]:
    """In order, a part at a time: a log may have millions of leaves."""
    after = -1
    while True:
        with connection.cursor() as cursor:
            cursor.execute(_LEAVES, [scope.current(), log_id, after, CHUNK])
            rows = cursor.fetchall()
        for pk, index, leaf, leaf_hash, body, *rest in rows:
            yield Row(pk, index, bytes(leaf), bytes(leaf_hash), None if body is None else bytes(body), *rest)
        if len(rows) < CHUNK:
            return
        after = rows[-1][1]


def _step(walk: Walk, row: Row) -> Iterator[Finding]:
    place = f"{walk.head.origin}#{row.index}"
    if row.index != walk.size:
        yield Finding("LEAF-GAP", place, f"leaf {row.index} follows leaf {walk.size - 1}")
    leaf = _leaf(row, walk.head.origin)
    if leaf is None:
        yield Finding("LEAF-EDITED", place, "these bytes are not the leaf of this place")
    else:
        if leaf.previous != walk.previous or leaf.time_ms < walk.at_ms:
            yield Finding("LEAF-LINK", place, "the leaf before is another one")
        walk.at_ms = leaf.time_ms
        listed = walk.pruned.of(leaf.index)
        yield from _event(row, leaf, walk.head, place) if listed is None else _pruned(row, leaf, listed, place)
    yield from _grow(walk, merkle.leaf_hash(row.leaf), place)


def _leaf(row: Row, origin: str) -> Leaf | None:
    try:
        leaf = envelope.parse_leaf(row.leaf)
    except Malformed:
        return None
    sound = leaf.index == row.index and merkle.leaf_hash(row.leaf) == row.leaf_hash
    return leaf if sound and note.continues(leaf.origin, origin) else None


def _pruned(row: Row, leaf: Leaf, listed: Pruned, place: str) -> Iterator[Finding]:
    if row.body is not None:
        yield Finding("PRUNING", place, f"the event {row.id} is on a list of what was pruned, and is here")
    elif not listed.due(leaf):
        yield Finding("PRUNING", place, f"the event {row.id} was pruned before its time")


def _event(row: Row, leaf: Leaf, head: LogHead, place: str) -> Iterator[Finding]:
    if row.body is None:
        yield Finding("EVENT-GONE", place, f"the event {row.id} is not here")
        return
    if not envelope.event_hash(row.body) == leaf.event_hash == bytes(row.event_hash):
        yield Finding("EVENT-EDITED", place, f"the event {row.id} is not the one that was sequenced")
        return
    if not hmac.compare_digest(keys.mac(scope.current(), row.body), bytes(row.mac)):
        yield Finding("SEAL", place, f"the seal of the event {row.id} does not hold")
    told = Columns(row.id, row.type, head.origin, row.run_id, row.run_seq)
    if row.log_id != head.pk or not columns.agree(row.body, told) or row.acted != columns.acted(row.body):
        yield Finding("PROJECTION", place, f"the row of the event {row.id} tells something else than the event")


def _grow(walk: Walk, hashed: bytes, place: str) -> Iterator[Finding]:
    """The tree over the bytes that are here, whatever the rows say that it was."""
    walk.previous = hashed
    for height, index, made in merkle.append(walk.peaks, walk.size, hashed):
        if height % trees.TILE == 0 and walk.nodes.pop((height // trees.TILE, index), None) != made:
            yield Finding("TREE", place, f"node {index} of level {height // trees.TILE} is not what the leaves make")
    walk.size += 1
    if walk.size in walk.asked:
        walk.roots[walk.size] = merkle.root_from_peaks(walk.peaks)


def _end(walk: Walk) -> Iterator[Finding]:
    head, place = walk.head, walk.head.origin
    if head.size != walk.size:
        yield Finding("LEAF-GAP", place, f"the head counts {head.size} leaves, {walk.size} are here")
    last = walk.previous if walk.size else b""
    if (trees.peaks_of(head), bytes(head.last_leaf)) != (walk.peaks, last) or walk.nodes:
        yield Finding("TREE", place, "the head or a stored node is not what the leaves make")


def _signature(checkpoint: Checkpoint, origin: str, checkpoint_keys: list[Key]) -> Iterator[Finding]:
    try:
        signed = note.parse(checkpoint.note.encode())
    except Malformed as problem:
        yield Finding("CHECKPOINT-SIGNATURE", origin, f"the note of {checkpoint.size} leaves: {problem}")
        return
    own = signed.checkpoint.origin
    said = note.Checkpoint(own, checkpoint.size, bytes(checkpoint.root))
    if signed.checkpoint != said or not note.continues(own, origin):
        yield Finding("CHECKPOINT-SIGNATURE", origin, f"the note of {checkpoint.size} leaves says something else")
    elif not any(_holds(signed, own, key) for key in checkpoint_keys):
        yield Finding("CHECKPOINT-SIGNATURE", origin, f"nobody we know signed the head of {checkpoint.size} leaves")


def _holds(signed: note.SignedNote, origin: str, key: Key) -> bool:
    line = signed.by(origin, key.public)
    return line is not None and note.holds(signed, line, key.public)
