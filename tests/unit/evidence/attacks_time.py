"""Time stamps and witnesses: what they add, and what becomes of false ones."""

from dataclasses import replace
from typing import Any

from cryptography.x509.oid import ExtendedKeyUsageOID

from evidence.verify import layout, merkle, note
from evidence.verify.anchoring import Anchor, encode, imprint
from evidence.verify.dossier import Question
from evidence.verify.findings import Verdict
from evidence.verify.trust import Witness
from tests.unit.evidence.corpus import Attempt, attack, edited
from tests.unit.evidence.forge import DAY, NOW, Kit, signer
from tests.unit.evidence.stamps import Stamper, certificate_of, key_of

HOUR = 3600 * 1000
LATER = NOW + HOUR
SIBLINGS = tuple(merkle.leaf_hash(f"a head of somebody else {number}".encode()) for number in range(6))


def anchor(kit: Kit, stamper: Stamper, *, size: int = 0, at_ms: int = LATER, **changes: Any) -> Anchor:
    """The head of `size` (the last one) as leaf 3 of an anchor tree of seven, stamped at a time."""
    head = kit.log.head(size or kit.sizes[-1])
    hashes = [*SIBLINGS[:3], merkle.leaf_hash(head.body().encode()), *SIBLINGS[3:]]
    root, path = merkle.root_of(hashes), merkle.inclusion_path(3, len(hashes), merkle.nodes_over(hashes))
    made = Anchor(head.size, 3, len(hashes), root, tuple(path), (stamper.stamp(imprint(root), at_ms),))
    return replace(made, **changes)


def asked(kit: Kit, stamper: Stamper, **changes: Any) -> Question:
    return kit.ask(tsas=(stamper.trusted,), **changes)


def witnessed(kit: Kit, *witnesses: Any, at_s: int = LATER // 1000, **changes: Any) -> Attempt:
    """Every head cosigned by the given signers as w0, w1, …, all of whom are trusted."""
    named = [(f"w{number}.test", one) for number, one in enumerate(witnesses)]
    notes = []
    for size in kit.sizes:
        lines = [note.cosign(kit.log.head(size), name, at_s, one) for name, one in named]
        notes.append(kit.note(size) + "".join(lines))
    trusted = tuple(Witness(name, one.public) for name, one in named)
    return kit.bundle(notes=notes), kit.ask(witnesses=trusted, **changes)


@attack("25t a head that was stamped", Verdict.VERIFIED)
def _() -> Attempt:
    kit, stamper = Kit(), Stamper()
    return kit.bundle(anchors=[anchor(kit, stamper)]), asked(kit, stamper)


@attack("23 a key revoked after its head was stamped", Verdict.VERIFIED)
def _() -> Attempt:
    kit, stamper = Kit(), Stamper()
    keys = [replace(kit.keys[0], revoked_at=LATER + 1), kit.keys[1]]
    return kit.bundle(keyring=kit.ring(keys=keys), anchors=[anchor(kit, stamper)]), asked(kit, stamper)


@attack("22t a key revoked before its head was stamped", Verdict.UNTRUSTED, "KEY-REVOKED")
def _() -> Attempt:
    kit, stamper = Kit(), Stamper()
    keys = [replace(kit.keys[0], revoked_at=LATER), kit.keys[1]]
    return kit.bundle(keyring=kit.ring(keys=keys), anchors=[anchor(kit, stamper)]), asked(kit, stamper)


@attack("22u a revoked key and a time stamp of nobody trusted", Verdict.UNTRUSTED, "KEY-REVOKED")
def _() -> Attempt:
    kit, stamper = Kit(), Stamper()
    keys = [replace(kit.keys[0], revoked_at=LATER + DAY), kit.keys[1]]
    return kit.bundle(keyring=kit.ring(keys=keys), anchors=[anchor(kit, stamper)]), asked(kit, Stamper("other.test"))


@attack("27 a time stamp of another anchor tree", Verdict.TAMPERED, "ANCHOR-BAD")
def _() -> Attempt:
    kit, stamper = Kit(), Stamper()
    other = (stamper.stamp(imprint(bytes(32)), LATER),)
    return kit.bundle(anchors=[anchor(kit, stamper, tokens=other)]), asked(kit, stamper)


@attack("27b a head that is not in the anchor tree", Verdict.TAMPERED, "ANCHOR-BAD")
def _() -> Attempt:
    kit, stamper = Kit(), Stamper()
    return kit.bundle(anchors=[anchor(kit, stamper, index=2)]), asked(kit, stamper)


@attack("27c an anchor of a head that is not here", Verdict.TAMPERED, "ANCHOR-BAD")
def _() -> Attempt:
    kit, stamper = Kit(), Stamper()
    return kit.bundle(anchors=[anchor(kit, stamper, size=1)]), asked(kit, stamper)


@attack("27d a time stamp by another key under the name of the trusted one", Verdict.TAMPERED, "ANCHOR-BAD")
def _() -> Attempt:
    kit, stamper, thief = Kit(), Stamper(), Stamper(key=key_of("a thief"))
    return kit.bundle(anchors=[anchor(kit, thief)]), asked(kit, stamper)


@attack("27e a time stamp whose time was changed", Verdict.TAMPERED, "ANCHOR-BAD")
def _() -> Attempt:
    kit, stamper = Kit(), Stamper()
    honest = anchor(kit, stamper)
    year = honest.tokens[0].replace(b"\x0f2026", b"\x0f2025", 1)
    assert year != honest.tokens[0]
    return kit.bundle(anchors=[replace(honest, tokens=(year,))]), asked(kit, stamper)


@attack("27f a time stamp by a certificate that may not stamp", Verdict.TAMPERED, "ANCHOR-BAD")
def _() -> Attempt:
    kit, stamper = Kit(), Stamper()
    server = replace(stamper, certificate=certificate_of(stamper.key, "tsa.test", ExtendedKeyUsageOID.SERVER_AUTH))
    return kit.bundle(anchors=[anchor(kit, server)]), asked(kit, server)


@attack("27g a time stamp that is none", Verdict.MALFORMED, "SCHEMA")
def _() -> Attempt:
    kit, stamper = Kit(), Stamper()
    return kit.bundle(anchors=[anchor(kit, stamper, tokens=(b"\x30\x03abc",))]), asked(kit, stamper)


@attack("28 anchors removed", Verdict.TAMPERED, "FILE-REMOVED")
def _() -> Attempt:
    kit, stamper = Kit(), Stamper()
    signed = kit.bundle(anchors=[anchor(kit, stamper)])
    return kit.repacked(signed, lambda members: members.pop(layout.ANCHORS)), asked(kit, stamper)


@attack("28b an anchor edited behind the statement", Verdict.TAMPERED, "FILE-DIGEST", "ANCHOR-BAD")
def _() -> Attempt:
    kit, stamper = Kit(), Stamper()
    honest, false = anchor(kit, stamper), anchor(kit, stamper, index=2)
    change = edited(layout.ANCHORS, encode([honest]), encode([false]))
    return kit.repacked(kit.bundle(anchors=[honest]), change), asked(kit, stamper)


@attack("30 a time stamp from the future", Verdict.UNTRUSTED, "TIME-FUTURE")
def _() -> Attempt:
    kit, stamper = Kit(), Stamper()
    return kit.bundle(anchors=[anchor(kit, stamper, at_ms=NOW + 2 * DAY)]), asked(kit, stamper)


@attack("31 leaves that claim a later time than the stamp over them", Verdict.INCOMPLETE, "CLOCK-SKEW")
def _() -> Attempt:
    kit, stamper = Kit(), Stamper()
    return kit.bundle(anchors=[anchor(kit, stamper, at_ms=NOW - HOUR)]), asked(kit, stamper)


@attack("10a heads cosigned by enough witnesses", Verdict.VERIFIED)
def _() -> Attempt:
    return witnessed(Kit(), signer("w0"), signer("w1"), quorum=2)


@attack("18 cosignatures stripped", Verdict.UNTRUSTED, "WITNESS-QUORUM")
def _() -> Attempt:
    kit = Kit()
    return kit.bundle(), kit.ask(witnesses=(Witness("w0.test", signer().public),))


@attack("18b one witness of two", Verdict.UNTRUSTED, "WITNESS-QUORUM")
def _() -> Attempt:
    bundle, question = witnessed(Kit(), signer())
    assert question.trust is not None
    both = (*question.trust.witnesses, Witness("w1.test", signer().public))
    return bundle, replace(question, trust=replace(question.trust, witnesses=both, quorum=2))


@attack("18c a cosignature over another head", Verdict.TAMPERED, "NOTE-SIG", "WITNESS-QUORUM")
def _() -> Attempt:
    kit, one = Kit(), signer()
    false = note.cosign(kit.log.head(1), "w0.test", LATER // 1000, one)
    notes = [kit.note(size) + false for size in kit.sizes]
    return kit.bundle(notes=notes), kit.ask(witnesses=(Witness("w0.test", one.public),))


@attack("30b a cosignature from the future", Verdict.UNTRUSTED, "TIME-FUTURE")
def _() -> Attempt:
    return witnessed(Kit(), signer(), at_s=(NOW + 2 * DAY) // 1000)


@attack("23b a key revoked after its head was cosigned", Verdict.VERIFIED)
def _() -> Attempt:
    kit = Kit()
    revoked = replace(kit.keys[0], revoked_at=LATER + 1000)
    kit.revoked = (revoked, kit.keys[1])
    return witnessed(kit, signer())
