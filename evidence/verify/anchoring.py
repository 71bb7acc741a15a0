"""Time and witnesses from outside the operator's reach.

An anchor ties a head to the root of an anchor tree, whose leaves are the bodies of heads of many logs, and time stamps
to that root. A witness cosigns the head itself (C2SP tlog-cosignature). Both say: this head existed then. Whoever
stamped or cosigned counts only if the trust file names them.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from evidence.verify import jcs, layout, merkle, note, timestamp
from evidence.verify.dossier import Dossier, checkpoint_names, reading
from evidence.verify.encoding import b64, unb64
from evidence.verify.findings import Assurance
from evidence.verify.malformed import Malformed
from evidence.verify.note import SignedNote
from evidence.verify.trust import Trust

AHEAD_MS = 5 * 60 * 1000
STAMPED = b"evb.anchor.v1\0"
_MEMBERS = {"size", "index", "tree_size", "root", "path", "tokens"}
MAX_PATH = 64
MAX_TOKENS = 16


@dataclass(frozen=True)
class Anchor:
    """The head of `size` leaves is leaf `index` of an anchor tree; `tokens` (DER) stamp the root of that tree."""

    size: int
    index: int
    tree_size: int
    root: bytes
    path: tuple[bytes, ...]
    tokens: tuple[bytes, ...]

    def as_json(self) -> dict[str, jcs.Json]:
        return {
            "size": self.size,
            "index": self.index,
            "tree_size": self.tree_size,
            "root": b64(self.root),
            "path": [b64(step) for step in self.path],
            "tokens": [b64(token) for token in self.tokens],
        }

    def holds(self, body: str) -> bool:
        """Is the head with this body in the anchor tree?"""
        leaf = merkle.leaf_hash(body.encode())
        return merkle.verify_inclusion(leaf, self.index, self.tree_size, self.path, self.root)


def imprint(root: bytes) -> bytes:
    """What a time-stamping authority is given: SHA-256 over the root of an anchor tree, set apart from other uses."""
    return hashlib.sha256(STAMPED + root).digest()


def encode(anchors: Sequence[Anchor]) -> bytes:
    return jcs.dumps({"anchors": [anchor.as_json() for anchor in anchors]})


def parse(data: bytes) -> list[Anchor]:
    """Read `data/anchors.json`; raises Malformed."""
    members = jcs.loads_object(data)
    items = members.get("anchors")
    if set(members) != {"anchors"} or not isinstance(items, list):
        raise Malformed("SCHEMA", "not a list of anchors")
    return [_anchor(item) for item in items]


def check_anchors(dossier: Dossier) -> None:
    """Anchors and cosignatures fit their heads; what the trusted ones among them say is kept for later stages."""
    before = len(dossier.report.failures)
    if layout.ANCHORS in dossier.members:
        anchors = reading(layout.ANCHORS, parse, dossier.members[layout.ANCHORS])
        for number, anchor in enumerate(anchors, start=1):
            _check_anchor(dossier, anchor, f"{layout.ANCHORS}:{number}")
        dossier.conclude("ANCHOR", layout.ANCHORS, f"{len(anchors)} anchors fit their heads", before)
    for name, signed in zip(checkpoint_names(dossier.members), dossier.notes, strict=True):
        _check_cosignatures(dossier, signed, name)


def conclude(dossier: Dossier) -> None:
    """Is everything that the bundle shows covered by a trusted time, and by enough witnesses?"""
    _conclude_time(dossier)
    _conclude_witness(dossier)


def _check_anchor(dossier: Dossier, anchor: Anchor, where: str) -> None:
    head = next((own for own in dossier.notes if own.checkpoint.size == anchor.size), None)
    if head is None or not anchor.holds(head.checkpoint.body()):
        dossier.fail("ANCHOR-BAD", where, f"no head of size {anchor.size} is in the anchor tree")
        return
    for data in anchor.tokens:
        token = reading(where, timestamp.parse, data)
        for tsa in _trust(dossier).tsas:
            if not token.names(tsa.certificate):
                continue
            if token.imprint != imprint(anchor.root) or not token.holds(tsa.certificate):
                dossier.fail("ANCHOR-BAD", where, f"the time stamp of {tsa.name} does not hold")
            else:
                _prove(dossier, anchor.size, token.time_ms, tsa.name, where)


def _check_cosignatures(dossier: Dossier, signed: SignedNote, where: str) -> None:
    size = signed.checkpoint.size
    for witness in _trust(dossier).witnesses:
        cosigned = note.cosignature(signed, witness.name, witness.public)
        if cosigned is None:
            continue
        if not cosigned.good:
            dossier.fail("NOTE-SIG", where, f"the cosignature of {witness.name} does not hold")
        else:
            dossier.witnesses.setdefault(size, set()).add(witness.name)
            _prove(dossier, size, cosigned.time_ms, witness.name, where)


def _prove(dossier: Dossier, size: int, time_ms: int, by: str, where: str) -> None:
    if time_ms > dossier.question.at_ms + AHEAD_MS:
        dossier.fail("TIME-FUTURE", where, f"{by} stamped it later than now")
    known = dossier.proven.get(size)
    if known is None or (time_ms, by) < known:
        dossier.proven[size] = (time_ms, by)


def _conclude_time(dossier: Dossier) -> None:
    last = max((leaf.index for leaf in dossier.leaves), default=-1)
    found = dossier.proven_before(last + 1)
    if found is None:
        dossier.report.skip("TIME", "bundle", "no time stamp of a third party: times are the operator's word")
        return
    for number, leaf in enumerate(dossier.leaves, start=1):
        proven = dossier.proven_before(leaf.index + 1)
        if proven is not None and leaf.time_ms > proven[0] + AHEAD_MS:
            dossier.fail("CLOCK-SKEW", f"{layout.LEAVES}:{number}", f"{proven[1]} stamped it before its own time")
    dossier.report.passed("TIME", "bundle", f"everything here existed at {_utc(found[0])} ({found[1]})")
    _raise_to(dossier, Assurance.A2)


def _conclude_witness(dossier: Dossier) -> None:
    trust, last = _trust(dossier), max((leaf.index for leaf in dossier.leaves), default=-1)
    if not trust.witnesses:
        dossier.report.skip("WITNESS", "bundle", "no witness cosigned the checkpoints")
        return
    most = _most_witnesses(dossier.witnesses, last)
    if most < trust.quorum:
        dossier.fail(
            "WITNESS-QUORUM", "bundle", f"{most} trusted witnesses cosigned a head over it, not {trust.quorum}"
        )
        return
    dossier.report.passed("WITNESS", "bundle", f"{most} trusted witnesses cosigned a head over everything here")
    _raise_to(dossier, Assurance.A3)


def _most_witnesses(witnesses: Mapping[int, set[str]], last: int) -> int:
    return max((len(names) for size, names in witnesses.items() if size > last), default=0)


def _raise_to(dossier: Dossier, level: Assurance) -> None:
    """Only a trusted signature can be improved on."""
    if dossier.report.assurance >= Assurance.A1:
        dossier.report.assurance = max(dossier.report.assurance, level)


def _trust(dossier: Dossier) -> Trust:
    return dossier.question.trust or Trust("", ())


def _utc(at_ms: int) -> str:
    return f"{datetime.fromtimestamp(at_ms // 1000, UTC):%Y-%m-%dT%H:%M:%S}.{at_ms % 1000:03d}Z"


def _anchor(item: jcs.Json) -> Anchor:
    if not isinstance(item, dict) or set(item) != _MEMBERS:
        raise Malformed("SCHEMA", "not an anchor")
    path, tokens = item["path"], item["tokens"]
    if not isinstance(path, list) or len(path) > MAX_PATH:
        raise Malformed("SCHEMA", "a proof is a short list of hashes")
    if not isinstance(tokens, list) or len(tokens) > MAX_TOKENS:
        raise Malformed("SCHEMA", "an anchor has a short list of time stamps")
    return Anchor(
        _whole(item["size"]),
        _whole(item["index"]),
        _whole(item["tree_size"]),
        unb64(item["root"], size=32),
        tuple(unb64(step, size=32) for step in path),
        tuple(unb64(token) for token in tokens),
    )


def _whole(value: jcs.Json) -> int:
    if not jcs.is_whole(value) or value < 0:
        raise Malformed("SCHEMA", "a whole number expected")
    return value
