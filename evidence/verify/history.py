"""Middle stages: the signed heads, one tree behind them, and the leaves inside it."""

from itertools import pairwise

from evidence.verify import envelope, layout, merkle, note
from evidence.verify.authority import check_key
from evidence.verify.dossier import (
    Dossier,
    checkpoint_names,
    lines_of,
    parse_consistency,
    parse_frontier,
    parse_proofs,
    reading,
    split_lines,
)
from evidence.verify.findings import Assurance
from evidence.verify.keyring import Key
from evidence.verify.malformed import Malformed
from evidence.verify.note import SignedNote


def check_leaves_form(dossier: Dossier) -> None:
    """Read leaves and proofs; what they say is judged against the heads later."""
    dossier.leaves = lines_of(dossier.members, layout.LEAVES, envelope.parse_leaf)
    dossier.kept = list(enumerate(dossier.leaves, start=1))
    dossier.leaf_lines = split_lines(dossier.members[layout.LEAVES])
    if dossier.claims.predicate.kind == layout.PERIOD:
        dossier.frontier = reading(layout.FRONTIER, parse_frontier, dossier.members[layout.FRONTIER])
    else:
        dossier.proofs = reading(layout.PROOFS, parse_proofs, dossier.members[layout.PROOFS])
    dossier.consistency = reading(layout.CONSISTENCY, parse_consistency, dossier.members[layout.CONSISTENCY])


def read_checkpoints(dossier: Dossier) -> None:
    """Read the heads; who signed them is judged later."""
    names = checkpoint_names(dossier.members)
    dossier.notes = [reading(name, note.parse, dossier.members[name]) for name in names]


def check_checkpoints(dossier: Dossier) -> None:
    """Each head is signed by a checkpoint key of the keyring, for the log that the statement names."""
    before = len(dossier.report.failures)
    for name, signed in zip(checkpoint_names(dossier.members), dossier.notes, strict=True):
        _check_note(dossier, signed, name)
    last, claims = dossier.notes[-1], dossier.claims.predicate
    if (last.checkpoint.size, last.checkpoint.root.hex()) != (claims.size, claims.root):
        dossier.fail("COUNT", layout.STATEMENT, "the last checkpoint is not the one that the statement names")
    if note.goes_back(claims.origin, last.checkpoint.origin):
        dossier.fail("ORIGIN", layout.STATEMENT, f"the last checkpoint is of the epoch {last.checkpoint.origin}")
    dossier.report.note = last.text
    dossier.conclude("CHECKPOINT", layout.CHECKPOINTS, f"{len(dossier.notes)} signed heads", before)


def check_consistency(dossier: Dossier) -> None:
    """Each head extends the one before: one history, not two."""
    before = len(dossier.report.failures)
    for older, newer in pairwise(dossier.notes):
        compare(dossier, older, newer, layout.CONSISTENCY)
    dossier.conclude("CONSISTENCY", layout.CONSISTENCY, "the heads follow one another", before)


def check_known(dossier: Dossier) -> None:
    """Heads that the auditor remembers must lie on the same line of history."""
    if not dossier.remembered:
        dossier.report.skip("KNOWN", "known", "no remembered head was given: a rewrite by the operator would not show")
    for where, text in dossier.remembered:
        _check_remembered(dossier, text, where, asked=where.startswith("known:"))


def check_inclusion(dossier: Dossier) -> None:
    """Every leaf is in the tree of the last head, in order, linked to its neighbour, never earlier than it."""
    before = len(dossier.report.failures)
    head = dossier.notes[-1].checkpoint
    for number, (leaf, line) in enumerate(zip(dossier.leaves, dossier.leaf_lines, strict=True), start=1):
        where = f"{layout.LEAVES}:{number}"
        if not note.continues(leaf.origin, dossier.claims.predicate.origin):
            dossier.fail("CROSS-TENANT", where, f"the leaf is of the log {leaf.origin}")
        _check_proof(dossier, leaf, line, head, where)
        if number > 1:
            check_neighbour(dossier, number, where)
    dossier.conclude(
        "INCLUSION", layout.LEAVES, f"{len(dossier.leaves)} leaves are in the tree of size {head.size}", before
    )


def _check_note(dossier: Dossier, signed: SignedNote, where: str) -> None:
    origin = signed.checkpoint.origin
    if not note.continues(origin, dossier.claims.predicate.origin):
        dossier.fail("ORIGIN", where, f"the checkpoint is of the log {origin}")
    found = _signature(dossier, signed)
    if found is None:
        dossier.fail("NOTE-KEY", where, "no key of the keyring signed the checkpoint")
        return
    key, good = found
    if not good:
        dossier.fail("NOTE-SIG", where, f"the signature of {key.kid} does not hold")
    size = signed.checkpoint.size
    proven = dossier.proven_before(size)
    check_key(dossier, key, where, _latest_ms(dossier, size), proven[0] if proven else None)


def _signature(dossier: Dossier, signed: SignedNote) -> tuple[Key, bool] | None:
    """The keyring's key that the note claims, and whether its signature holds. Unknown keys are ignored."""
    for key in dossier.ring.of_use("checkpoint"):
        line = signed.by(signed.checkpoint.origin, key.public)
        if line is not None:
            return key, note.holds(signed, line, key.public)
    return None


def _latest_ms(dossier: Dossier, size: int) -> int:
    """A lower bound for the time of a head: the newest leaf under it that the bundle shows."""
    return max((leaf.time_ms for leaf in dossier.leaves if leaf.index < size), default=0)


def compare(dossier: Dossier, older: SignedNote, newer: SignedNote, where: str) -> bool:
    """True when `newer` provably extends `older`; everything else leaves a finding."""
    old, new = older.checkpoint, newer.checkpoint
    if old.size == new.size:
        return _compare_equal(dossier, older, newer, where)
    if old.size > new.size:
        dossier.fail("CP-ORDER", where, f"size {old.size} stands before size {new.size}")
        return False
    if note.goes_back(old.origin, new.origin):
        dossier.fail("CP-ORDER", where, f"the epoch {new.origin} stands behind the epoch {old.origin}")
        return False
    if old.size in dossier.grown and new.size in dossier.grown:
        return dossier.grown[old.size] == old.root or _differ(dossier, older, newer, where)
    path = dossier.consistency.get((old.size, new.size))
    if path is None:
        dossier.fail("MISSING-PROOF", where, f"no proof from size {old.size} to size {new.size}")
        return False
    if not merkle.verify_consistency(old.size, new.size, old.root, new.root, path):
        dossier.fail("CONSISTENCY", where, f"size {new.size} does not extend size {old.size}")
        return False
    return True


def _compare_equal(dossier: Dossier, one: SignedNote, other: SignedNote, where: str) -> bool:
    return one.checkpoint.root == other.checkpoint.root or _differ(dossier, one, other, where)


def _differ(dossier: Dossier, one: SignedNote, other: SignedNote, where: str) -> bool:
    """Two heads that cannot both be true: with both signatures that is a proof against the operator."""
    sizes = f"the heads of size {one.checkpoint.size} and {other.checkpoint.size} cannot both be true"
    if _holds(dossier, one) and _holds(dossier, other):
        dossier.fail("EQUIVOCATION", where, f"{sizes}, and both are signed")
        dossier.report.conflicting_notes += [one.text, other.text]
    else:
        dossier.fail("CONSISTENCY", where, sizes)
    return False


def _holds(dossier: Dossier, signed: SignedNote) -> bool:
    found = _signature(dossier, signed)
    return found is not None and found[1]


def _check_remembered(dossier: Dossier, text: str, where: str, *, asked: bool) -> None:
    """A head of another log is passed over only in a trust file, and only if it is not this log in another epoch. One
    of an earlier epoch is good when this epoch provably goes on with it: then nothing that it covers was lost."""
    known = reading(where, note.parse, text.encode())
    last = dossier.notes[-1]
    if known.checkpoint.origin != last.checkpoint.origin and not _goes_on(dossier, known, last):
        message = f"the remembered head is of the log {known.checkpoint.origin}"
        if asked or _without_epoch(known) == _without_epoch(last):
            dossier.fail("MISSING-PROOF", where, message)
        else:
            dossier.report.skip("KNOWN", where, message)
        return
    if known.checkpoint.size > last.checkpoint.size:
        message = f"size {known.checkpoint.size} is remembered, the bundle ends at {last.checkpoint.size}"
        dossier.fail("STALE", where, message)
        return
    same = [own for own in dossier.notes if own.checkpoint.size == known.checkpoint.size]
    if compare(dossier, known, same[0] if same else last, where):
        dossier.report.passed("KNOWN", where, f"the remembered head of size {known.checkpoint.size} is part of it")
        if dossier.report.assurance >= Assurance.A1:
            dossier.report.assurance = Assurance.A3


def _goes_on(dossier: Dossier, known: SignedNote, last: SignedNote) -> bool:
    old, new = known.checkpoint, last.checkpoint
    if not note.continues(old.origin, new.origin) or old.size > new.size:
        return False
    if old.size in dossier.grown:
        return dossier.grown[old.size] == old.root
    path = dossier.consistency.get((old.size, new.size), [])
    return merkle.verify_consistency(old.size, new.size, old.root, new.root, path)


def _without_epoch(signed: SignedNote) -> str:
    return signed.checkpoint.origin.rpartition("/")[0]


def _check_proof(dossier: Dossier, leaf: envelope.Leaf, line: bytes, head: note.Checkpoint, where: str) -> None:
    path = dossier.proofs.get(leaf.index)
    if path is None:
        dossier.fail("MISSING-PROOF", where, f"no proof for leaf {leaf.index}")
    elif not merkle.verify_inclusion(merkle.leaf_hash(line), leaf.index, head.size, path, head.root):
        dossier.fail("INCLUSION", where, f"leaf {leaf.index} is not in the tree of size {head.size}")


def check_neighbour(dossier: Dossier, number: int, where: str) -> None:
    previous, leaf = dossier.leaves[number - 2], dossier.leaves[number - 1]
    if leaf.index <= previous.index:
        dossier.fail("ORDER", where, f"leaf {leaf.index} stands behind leaf {previous.index}")
    if leaf.index == previous.index + 1 and leaf.previous != merkle.leaf_hash(dossier.leaf_lines[number - 2]):
        dossier.fail("CHAIN", where, f"leaf {leaf.index} is not linked to leaf {previous.index}")
    if note.goes_back(previous.origin, leaf.origin):
        dossier.fail("ORDER", where, f"leaf {leaf.index} is of an earlier epoch than leaf {previous.index}")
    if leaf.time_ms < previous.time_ms:
        dossier.fail("TIME-BACKWARDS", where, f"leaf {leaf.index} is earlier than leaf {previous.index}")


def remembered(data: bytes) -> str:
    """The text of a remembered note; raises Malformed when it is not one."""
    try:
        return note.parse(data).text
    except Malformed as error:
        raise error.at("known") from error
