"""A period: all leaves of a range, grown onto the tree that was there before.

Nothing can be left out: the leaves must fill the range without a gap and grow the tree to the signed head.
"""

from evidence.verify import layout, merkle, note
from evidence.verify.chains import check_chain, runs_of
from evidence.verify.dossier import Dossier, reading
from evidence.verify.history import check_neighbour


def check_range(dossier: Dossier) -> None:
    """The leaves are of this log, linked, and as many as the range between the two heads has places."""
    before = len(dossier.report.failures)
    claims, leaves = dossier.claims.predicate, dossier.leaves
    expected = claims.first_leaf
    for number, leaf in enumerate(leaves, start=1):
        where = f"{layout.LEAVES}:{number}"
        if not note.continues(leaf.origin, claims.origin):
            dossier.fail("CROSS-TENANT", where, f"the leaf is of the log {leaf.origin}")
        if leaf.index > expected:
            dossier.fail("POPULATION-GAP", where, f"leaves {expected} to {leaf.index - 1} are not here")
        if leaf.index >= claims.size:
            dossier.fail("INCLUSION", where, f"leaf {leaf.index} is not in the tree of size {claims.size}")
        if number > 1:
            check_neighbour(dossier, number, where)
        expected = leaf.index + 1
    if expected < claims.size:
        dossier.fail("POPULATION-GAP", layout.LEAVES, f"leaves {expected} to {claims.size - 1} are not here")
    dossier.conclude("RANGE", layout.LEAVES, f"{len(leaves)} leaves without a gap", before)


def check_growth(dossier: Dossier) -> None:
    """From the tree before the period, the leaves grow the trees of all signed heads. The heads need no other proof."""
    before = len(dossier.report.failures)
    begin = dossier.claims.predicate.first_leaf
    if len(dossier.frontier) != begin.bit_count():
        dossier.fail("CONSISTENCY", layout.FRONTIER, f"not the frontier of a tree of {begin} leaves")
        return
    if begin and begin not in _sizes(dossier):
        dossier.fail("POPULATION-GAP", layout.CHECKPOINTS, f"no signed head of size {begin} begins the period")
    if _grow(dossier, begin):
        _check_heads(dossier)
    dossier.conclude("INCLUSION", layout.LEAVES, f"{len(dossier.leaves)} leaves grow the signed trees", before)


def check_runs(dossier: Dossier) -> None:
    """Each run is without a gap as far as the period shows it; sealed runs are what their seals say."""
    before = len(dossier.report.failures)
    whole = dossier.claims.predicate.first_leaf == 0
    runs = runs_of(dossier.events)
    for events in runs.values():
        check_chain(dossier, events, from_start=whole)
    dossier.conclude("RUNS", layout.EVENTS, f"{len(runs)} runs without a gap", before)


def _sizes(dossier: Dossier) -> set[int]:
    return {signed.checkpoint.size for signed in dossier.notes}


def _grow(dossier: Dossier, begin: int) -> bool:
    """Append the leaves; keep the roots at the sizes that somebody signed or remembers. False where one is missing."""
    wanted = _sizes(dossier) | {
        reading(where, note.parse, text.encode()).checkpoint.size for where, text in dossier.remembered
    }
    peaks, size = list(dossier.frontier), begin
    dossier.grown[size] = merkle.root_from_peaks(peaks)
    for leaf, line in zip(dossier.leaves, dossier.leaf_lines, strict=True):
        if leaf.index != size:
            dossier.grown.clear()
            return False
        merkle.grow(peaks, size, merkle.leaf_hash(line))
        size += 1
        if size in wanted:
            dossier.grown[size] = merkle.root_from_peaks(peaks)
    return True


def _check_heads(dossier: Dossier) -> None:
    begin = dossier.claims.predicate.first_leaf
    for signed in dossier.notes:
        head = signed.checkpoint
        grown = dossier.grown.get(head.size)
        if grown is not None and grown != head.root:
            code, where = ("CONSISTENCY", layout.FRONTIER) if head.size == begin else ("INCLUSION", layout.LEAVES)
            dossier.fail(code, where, f"the leaves do not grow the tree of size {head.size}")
            dossier.grown.clear()
            return
