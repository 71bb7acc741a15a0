"""What came back from outside about the heads of a log, on its way into a bundle."""

from collections.abc import Collection
from uuid import UUID

from django.db.models import Count

from evidence.models import Anchor, Checkpoint, Cosignature
from evidence.outside import configured
from evidence.verify import anchoring

HASH = 32


def heads_beyond(log_id: UUID, index: int) -> list[Checkpoint]:
    """Of the heads over the leaf `index`: the first that was stamped, and the last that a witness cosigned."""
    stamped = Anchor.objects.filter(log_id=log_id, size__gt=index).order_by("size").first()
    cosigned = Cosignature.objects.filter(log_id=log_id, size__gt=index).order_by("-size").first()
    sizes = {row.size for row in (stamped, cosigned) if row is not None}
    return list(Checkpoint.objects.filter(log_id=log_id, size__in=sizes))


def sizes_seen(log_id: UUID, since: int) -> list[int]:
    """The heads of at least `since` leaves that the most of those outside have seen, in order: stamped, and cosigned by
    enough witnesses; else one of the two. Empty when nobody has seen any."""
    stamped = set(Anchor.objects.filter(log_id=log_id, size__gte=since).values_list("size", flat=True))
    lines = Cosignature.objects.filter(log_id=log_id, size__gte=since).order_by().values_list("size")
    cosigned = {size for (size, count) in lines.annotate(count=Count("name")) if count >= configured().quorum}
    return sorted(stamped & cosigned or stamped or cosigned)


def notes_of(heads: Collection[Checkpoint]) -> list[str]:
    """Each head with the lines of its witnesses below it."""
    return [head.note + "".join(_lines(head)) for head in heads]


def anchors_of(log_id: UUID, sizes: Collection[int]) -> list[anchoring.Anchor]:
    rows = Anchor.objects.filter(log_id=log_id, size__in=sizes).order_by("size", "id")
    return [_anchor(row) for row in rows]


def _lines(head: Checkpoint) -> list[str]:
    rows = Cosignature.objects.filter(log_id=head.log_id, size=head.size).order_by("name")
    return list(rows.values_list("line", flat=True))


def _anchor(row: Anchor) -> anchoring.Anchor:
    packed = bytes(row.path)
    path = tuple(packed[at : at + HASH] for at in range(0, len(packed), HASH))
    tokens = tuple(bytes.fromhex(token) for token in row.tokens)
    return anchoring.Anchor(row.size, row.index, row.tree_size, bytes(row.root), path, tokens)
