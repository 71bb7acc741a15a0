"""The Merkle tree of a log as rows: growing it, and reading nodes of it for proofs."""

from collections.abc import Iterator
from uuid import UUID

from django.db import connection

from evidence.models import LogHead, Node
from evidence.verify import merkle
from tenants import scope

TILE = 8
WIDTH = 1 << TILE
HASH = 32

_LEAVES = """
SELECT string_agg(leaf_hash, ''::bytea ORDER BY index) FROM evidence_leaf
 WHERE tenant_id = %s AND log_id = %s AND index >= %s AND index < %s AND %s = 0
"""
_NODES = """
SELECT string_agg(hash, ''::bytea ORDER BY index) FROM evidence_node
 WHERE tenant_id = %s AND log_id = %s AND index >= %s AND index < %s AND level = %s
"""


def peaks_of(head: LogHead) -> list[bytes]:
    packed = bytes(head.peaks)
    return [packed[at : at + HASH] for at in range(0, len(packed), HASH)]


def root_of(head: LogHead) -> bytes:
    return merkle.root_from_peaks(peaks_of(head))


def grow(head: LogHead, hashes: list[bytes]) -> list[Node]:
    """Append leaf hashes to the head in place; returns the tile nodes that became complete."""
    peaks, nodes = peaks_of(head), []
    for hashed in hashes:
        nodes += _tile_nodes(head.pk, merkle.append(peaks, head.size, hashed))
        head.size += 1
    head.peaks = b"".join(peaks)
    return nodes


class StoredNodes:
    """`merkle.NodeAt` over the rows of one log; each tile is read once."""

    def __init__(self, log_id: UUID) -> None:
        self._log_id = log_id
        self._tiles: dict[tuple[int, int], list[bytes]] = {}

    def __call__(self, height: int, index: int) -> bytes:
        level, rest = divmod(height, TILE)
        start = index << rest
        tile = self._tile(level, start >> TILE)
        hashes = tile[start % WIDTH : start % WIDTH + (1 << rest)]
        if len(hashes) != 1 << rest:
            raise LookupError(f"the log {self._log_id} lacks node {index} at height {height}")
        return merkle.root_of(hashes)

    def _tile(self, level: int, number: int) -> list[bytes]:
        if (level, number) not in self._tiles:
            self._tiles[level, number] = self._read(level, number * WIDTH)
        return self._tiles[level, number]

    def _read(self, level: int, start: int) -> list[bytes]:
        with connection.cursor() as cursor:
            cursor.execute(_NODES if level else _LEAVES, [scope.current(), self._log_id, start, start + WIDTH, level])
            packed = bytes(cursor.fetchone()[0] or b"")
        return [packed[at : at + HASH] for at in range(0, len(packed), HASH)]


def _tile_nodes(log_id: UUID, completed: Iterator[tuple[int, int, bytes]]) -> list[Node]:
    return [
        Node(log_id=log_id, level=height // TILE, index=index, hash=hashed)
        for height, index, hashed in completed
        if height % TILE == 0
    ]
