"""Merkle trees over SHA-256: RFC 6962 hashing, the proof algorithms of RFC 9162 §2.1.

Proofs are built from complete subtrees: `node(height, index)` is the hash over leaves
[index * 2^height, (index + 1) * 2^height), wherever it is kept.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence

NodeAt = Callable[[int, int], bytes]

EMPTY_ROOT = hashlib.sha256(b"").digest()


def leaf_hash(leaf: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def root_of(leaf_hashes: Sequence[bytes]) -> bytes:
    """The root over already hashed leaves."""
    peaks: list[bytes] = []
    for index, hashed in enumerate(leaf_hashes):
        grow(peaks, index, hashed)
    return root_from_peaks(peaks)


def append(peaks: list[bytes], size: int, hashed_leaf: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Grow a tree of `size` leaves by one, in place; yields (height, index, hash) of each completed subtree.

    `peaks` are the roots of the complete subtrees that make up the tree, largest first. Exhaust the iterator.
    """
    carried = hashed_leaf
    height = 0
    while size >> height & 1:
        carried = node_hash(peaks.pop(), carried)
        height += 1
        yield height, size >> height, carried
    peaks.append(carried)


def grow(peaks: list[bytes], size: int, hashed_leaf: bytes) -> None:
    """`append` for those who need no subtrees."""
    carried = hashed_leaf
    while size & 1:
        carried = node_hash(peaks.pop(), carried)
        size >>= 1
    peaks.append(carried)


def root_from_peaks(peaks: Sequence[bytes]) -> bytes:
    if not peaks:
        return EMPTY_ROOT
    root = peaks[-1]
    for peak in reversed(peaks[:-1]):
        root = node_hash(peak, root)
    return root


def peak_positions(size: int) -> list[tuple[int, int]]:
    """(height, index) of the complete subtrees of a tree of `size` leaves, largest first."""
    positions, start = [], 0
    for height in range(size.bit_length() - 1, -1, -1):
        if size >> height & 1:
            positions.append((height, start >> height))
            start += 1 << height
    return positions


def root_at(size: int, node: NodeAt) -> bytes:
    """The root that the tree had at an earlier size."""
    return root_from_peaks([node(height, index) for height, index in peak_positions(size)])


def inclusion_path(index: int, size: int, node: NodeAt) -> list[bytes]:
    """PATH(index, D_size) of RFC 9162 §2.1.3.1, leaf side first."""
    if not 0 <= index < size:
        raise ValueError("the index is outside the tree")
    return _path(index, 0, size, node)


def consistency_path(old: int, new: int, node: NodeAt) -> list[bytes]:
    """PROOF(old, D_new) of RFC 9162 §2.1.4.1; empty when the sizes are equal or the old tree was empty."""
    if not 0 <= old <= new:
        raise ValueError("the old tree is larger than the new one")
    return [] if old in (0, new) else _subproof(old, 0, new, node, whole=True)


def verify_inclusion(hashed_leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """RFC 9162 §2.1.3.2, path length included."""
    if not 0 <= index < size:
        return False
    fn, sn, computed = index, size - 1, hashed_leaf
    for step in path:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            computed = node_hash(step, computed)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            computed = node_hash(computed, step)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and computed == root


def verify_consistency(old: int, new: int, old_root: bytes, new_root: bytes, path: Sequence[bytes]) -> bool:
    """RFC 9162 §2.1.4.2: the tree of `new` leaves extends the tree of `old` leaves."""
    if old == new:
        return not path and old_root == new_root
    if not 0 < old < new or not path:
        return False
    steps = _with_start(old, old_root, path)
    fn, sn = old - 1, new - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    computed_old = computed_new = steps[0]
    for step in steps[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            computed_old, computed_new = node_hash(step, computed_old), node_hash(step, computed_new)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            computed_new = node_hash(computed_new, step)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and computed_old == old_root and computed_new == new_root


def nodes_over(leaf_hashes: Sequence[bytes]) -> NodeAt:
    """A `node` source over leaf hashes held in memory."""
    known: dict[tuple[int, int], bytes] = {(0, i): hashed for i, hashed in enumerate(leaf_hashes)}
    peaks: list[bytes] = []
    for index, hashed in enumerate(leaf_hashes):
        known.update(_keyed(append(peaks, index, hashed)))
    return lambda height, index: known[height, index]


def _keyed(nodes: Iterable[tuple[int, int, bytes]]) -> dict[tuple[int, int], bytes]:
    return {(height, index): hashed for height, index, hashed in nodes}


def _with_start(old: int, old_root: bytes, path: Sequence[bytes]) -> list[bytes]:
    return [old_root, *path] if old & (old - 1) == 0 else list(path)


def _split(count: int) -> int:
    """The largest power of two below `count`."""
    return 1 << (count - 1).bit_length() - 1


def _subtree(start: int, end: int, node: NodeAt) -> bytes:
    count = end - start
    if count & (count - 1) == 0:
        height = count.bit_length() - 1
        return node(height, start >> height)
    middle = start + _split(count)
    return node_hash(_subtree(start, middle, node), _subtree(middle, end, node))


def _path(index: int, start: int, end: int, node: NodeAt) -> list[bytes]:
    if end - start == 1:
        return []
    middle = start + _split(end - start)
    if index < middle:
        return [*_path(index, start, middle, node), _subtree(middle, end, node)]
    return [*_path(index, middle, end, node), _subtree(start, middle, node)]


def _subproof(old: int, start: int, end: int, node: NodeAt, *, whole: bool) -> list[bytes]:
    count = end - start
    if old == count:
        return [] if whole else [_subtree(start, end, node)]
    split = _split(count)
    middle = start + split
    if old <= split:
        return [*_subproof(old, start, middle, node, whole=whole), _subtree(middle, end, node)]
    return [*_subproof(old - split, middle, end, node, whole=False), _subtree(start, middle, node)]
