"""Reading what goes into the bundle of a run. Everything read here is already signed."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise
from uuid import UUID

from controlplane.lib import clock
from evidence import anchored, keeping, keyrings, ports, shredding
from evidence.bundling import Material, assemble
from evidence.errors import NotSealed
from evidence.models import Checkpoint, Content, Event, Leaf, RunHead
from evidence.trees import StoredNodes
from evidence.verify import commitment, envelope, layout, merkle
from evidence.verify.disclosure import Disclosure
from evidence.verify.note import parse as parse_note
from tenants import scope


def bundle_of(
    head: RunHead, known_sizes: Iterable[int] = (), *, request_id: UUID | None = None
) -> tuple[bytes, Material]:
    """The bundle of a run whose events are all sealed, and what went into it. In one transaction.

    `request_id`: only up to the end of that approval.
    """
    rows = list(Event.objects.filter(run_id=head.pk).order_by("run_seq"))
    if request_id is not None:
        rows = rows[: last_about(rows, request_id)]
    leaves = Leaf.objects.filter(pk__in=[row.pk for row in rows]).in_bulk()
    heads = _heads(head.log_id, sorted(leaf.index for leaf in leaves.values()))
    if len(leaves) < len(rows) or not heads:
        raise NotSealed
    sealing = keyrings.sealing(scope.current(), "bundle")
    material = _material(head, rows, [leaves[row.pk] for row in rows], heads, known_sizes, sealing.envelope)
    if request_id is not None:
        material = replace(material, kind=layout.APPROVAL, request=str(request_id), erased=0)
    return assemble(material, sealing.signer), material


def _material(
    head: RunHead,
    rows: Sequence[Event],
    leaves: Sequence[Leaf],
    heads: Sequence[Checkpoint],
    known_sizes: Iterable[int],
    keyring: str,
) -> Material:
    stored, size = StoredNodes(head.log_id), heads[-1].size
    shred_key = shredding.find(head.pk)
    opened = disclosures([row.pk for row in rows], shred_key) if shred_key is not None else []
    return Material(
        origin=origin_of(heads),
        run=str(head.pk),
        events=[bytes(row.body) for row in rows],
        leaves=[bytes(leaf.leaf) for leaf in leaves],
        proofs={leaf.index: merkle.inclusion_path(leaf.index, size, stored) for leaf in leaves},
        notes=anchored.notes_of(heads),
        anchors=anchored.anchors_of(head.log_id, [row.size for row in heads]),
        consistency=consistency_of([row.size for row in heads], known_sizes, stored),
        keyring=keyring.encode(),
        disclosures=opened,
        exhibits=_exhibits(rows) if opened else {},
        erased=_committed(rows) if shred_key is None else 0,
        generated_at=clock.now_ms(),
    )


def _heads(log_id: UUID, indices: Sequence[int]) -> list[Checkpoint]:
    """The heads that first covered the first and the last event, the newest one, and those that somebody outside has
    seen: at most five."""
    if not indices:
        return []
    signed = Checkpoint.objects.filter(log_id=log_id, size__gt=indices[-1])
    first = Checkpoint.objects.filter(log_id=log_id, size__gt=indices[0]).order_by("size").first()
    found = [first, signed.order_by("size").first(), signed.order_by("size").last()]
    if None in found:
        return []
    found += anchored.heads_beyond(log_id, indices[-1])
    return sorted({row.size: row for row in found if row is not None}.values(), key=lambda row: row.size)


def origin_of(heads: Sequence[Checkpoint]) -> str:
    """The log, in the epoch of the newest of these heads."""
    return parse_note(heads[-1].note.encode()).checkpoint.origin


def last_about(rows: Sequence[Event], request_id: UUID) -> int:
    """How many events of the run there are up to the last one about the approval; 0 when there is none."""
    told = [number for number, row in enumerate(rows, start=1) if row.type.startswith("approval.")]
    about = [number for number in told if _request_of(rows[number - 1]) == str(request_id)]
    return max(about, default=0)


def _request_of(row: Event) -> str:
    return str(envelope.parse_event(bytes(row.body)).data.get("request_id", ""))


def consistency_of(
    sizes: Sequence[int], known_sizes: Iterable[int], stored: StoredNodes
) -> dict[tuple[int, int], list[bytes]]:
    """Between neighbours, and from each head that the asker remembers to the newest."""
    newest = sizes[-1]
    pairs = set(pairwise(sizes))
    pairs |= {(known, newest) for known in known_sizes if 0 < known < newest}
    return {(old, new): merkle.consistency_path(old, new, stored) for old, new in sorted(pairs)}


def _exhibits(rows: Sequence[Event]) -> dict[str, bytes]:
    """What opened content is played again with; without it nobody needs them."""
    return dict(ports.exhibits.get()([envelope.parse_event(bytes(row.body)) for row in rows]))


def _committed(rows: Sequence[Event]) -> int:
    return sum(1 for row in rows for _ in envelope.parse_event(bytes(row.body)).commitments())


def disclosures(event_ids: Sequence[UUID], shred_key: bytes) -> list[Disclosure]:
    """What the tenant opted to keep of these events and is still there; what has expired stays withheld."""
    return [_disclosed(item, content, shred_key) for item, content in keeping.opened(event_ids, shred_key)]


def _disclosed(item: Content, content: bytes, shred_key: bytes) -> Disclosure:
    event = str(item.event_id)
    return Disclosure(event, item.path, commitment.salt(shred_key, event, item.path), content)
