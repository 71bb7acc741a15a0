"""What came back from outside about the heads of a log, on its way into a bundle."""

from collections.abc import Collection
from uuid import UUID

from evidence.models import Anchor, Checkpoint, Cosignature
from evidence.verify import anchoring

HASH = 32


def heads_beyond(log_id: UUID, index: int) -> list[Checkpoint]:
    """Of the heads over the leaf `index`: the first that was stamped, and the last that a witness cosigned."""
    stamped = Anchor.objects.filter(log_id=log_id, size__gt=index).order_by("size").first()
    cosigned = Cosignature.objects.filter(log_id=log_id, size__gt=index).order_by("-size").first()
    sizes = {row.size for row in (stamped, cosigned) if row is not None}
    return list(Checkpoint.objects.filter(log_id=log_id, size__in=sizes))


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
