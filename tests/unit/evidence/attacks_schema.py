"""Well-formed documents that do not say what the format asks for, signed by those who may."""

import json
from collections.abc import Callable
from typing import Any

from evidence.verify import container, dsse, jcs, keyring, layout, note
from evidence.verify.encoding import b64
from evidence.verify.findings import CODES, Verdict
from tests.unit.evidence.corpus import Attempt, attack
from tests.unit.evidence.forge import ORIGIN, Kit, signer

Change = Callable[[dict[str, Any]], Any]
GONE = object()


def having(**members: Any) -> Change:
    """Members replaced, added, or taken away (`GONE`)."""

    def change(document: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in {**document, **members}.items() if value is not GONE}

    return change


def inside(name: str, *steps: int, **members: Any) -> Change:
    """The same, in the object or in the item of a list that the member holds."""

    def change(document: dict[str, Any]) -> dict[str, Any]:
        inner = document[name]
        return {**document, name: _within(inner, steps, having(**members))}

    return change


def _within(value: Any, steps: tuple[int, ...], change: Change) -> Any:
    if not steps:
        return change(value)
    return [_within(item, steps[1:], change) if at == steps[0] else item for at, item in enumerate(value)]


def written(name: str, file: str, line: int, change: Change, code: str) -> None:
    def apply(members: dict[str, bytes]) -> None:
        lines = members[file].split(b"\n")
        lines[line] = jcs.dumps(change(json.loads(lines[line])))
        members[file] = b"\n".join(lines)

    def make() -> Attempt:
        kit = Kit()
        return kit.resigned(apply), kit.ask()

    attack(f"schema {name}", CODES[code], code)(make)


EVENTS: dict[str, tuple[Change, str]] = {
    "without data": (having(data=GONE), "SCHEMA"),
    "with a member of its own": (having(note="x"), "SCHEMA"),
    "with data that is a list": (having(data=[]), "SCHEMA"),
    "without a type": (having(type=""), "SCHEMA"),
    "with a number for a name": (having(id=7), "SCHEMA"),
    "before all time": (having(time=-1), "SCHEMA"),
    "at a truth value": (having(time=True), "SCHEMA"),
    "by nobody": (having(actor={}), "SCHEMA"),
    "by somebody with a title": (inside("actor", title="Dr"), "SCHEMA"),
    "of version true": (having(v=True), "VERSION"),
    "of version 2": (having(v=2), "VERSION"),
    "at place 0 of its run": (inside("run", seq=0), "SCHEMA"),
    "that has a predecessor and is the first": (inside("run", prev="00" * 32), "SCHEMA"),
    "of a run without a name": (inside("run", id=""), "SCHEMA"),
}
LEAVES: dict[str, tuple[Change, str]] = {
    "without its predecessor": (having(p=GONE), "SCHEMA"),
    "with a member of its own": (having(x=1), "SCHEMA"),
    "at place -1": (having(n=-1), "SCHEMA"),
    "of a hash that is short": (having(e="00" * 31), "SCHEMA"),
    "of a hash in capitals": (having(e="AB" * 32), "SCHEMA"),
    "of version 0": (having(v=0), "VERSION"),
    "of a log without a name": (having(o=""), "SCHEMA"),
    "at a time in words": (having(t="now"), "SCHEMA"),
}
PROOFS: dict[str, tuple[Change, str]] = {
    "that is no list": (having(proofs={}), "SCHEMA"),
    "beside something else": (having(more=[]), "SCHEMA"),
    "of nothing": (having(proofs=["x"]), "SCHEMA"),
    "at place true": (inside("proofs", 0, index=True), "SCHEMA"),
    "of a hash that is short": (inside("proofs", 0, path=[b64(bytes(31))]), "SCHEMA"),
    "with stray bits": (inside("proofs", 0, path=[b64(bytes(32))[:-2] + "B="]), "SCHEMA"),
    "of 65 steps": (inside("proofs", 0, path=[b64(bytes(32))] * 65), "SCHEMA"),
}
LINKS: dict[str, tuple[Change, str]] = {
    "from a word": (having(proofs=[{"from": "1", "to": 2, "path": []}]), "SCHEMA"),
    "to nowhere": (having(proofs=[{"from": 1, "path": []}]), "SCHEMA"),
}
OPENED: dict[str, tuple[Change, str]] = {
    "with a short salt": (having(salt=b64(bytes(31))), "SCHEMA"),
    "of no event": (having(event=1), "SCHEMA"),
    "with a comment": (having(comment="x"), "SCHEMA"),
    "that is not base64": (having(content="é"), "SCHEMA"),
}
for label, file, cases in (
    ("event", layout.EVENTS, EVENTS),
    ("leaf", layout.LEAVES, LEAVES),
    ("proof", layout.PROOFS, PROOFS),
    ("link", layout.CONSISTENCY, LINKS),
    ("disclosure", layout.DISCLOSURES, OPENED),
):
    for what, (change, code) in cases.items():
        written(f"{label} {what}", file, 0, change, code)


def ring(name: str, change: Change, code: str = "SCHEMA") -> None:
    def make() -> Attempt:
        kit = Kit()
        payload = jcs.dumps(change(json.loads(dsse.parse(kit.ring(), keyring.PAYLOAD_TYPE).payload)))
        return kit.bundle(keyring=dsse.seal(keyring.PAYLOAD_TYPE, payload, kit.root)), kit.ask()

    attack(f"schema keyring {name}", CODES[code], code)(make)


ring("of version 2", having(v=2), "VERSION")
ring("with keys that are no list", having(keys={}))
ring("for a scope without an end", having(scope="ev.test/tenant-a"))
ring("with a member of its own", having(owner="x"))
ring("with a key under another name", inside("keys", 0, kid="ed25519:" + "0" * 32))
ring("with a key for everything", inside("keys", 0, use="everything"))
ring("with a key of another algorithm", inside("keys", 0, alg="rsa"))
ring("with a key that is short", inside("keys", 0, public=b64(bytes(31))))
ring("with a key that was revoked some day", inside("keys", 0, revoked_at="yesterday"))


def stated(name: str, change: Change, code: str = "SCHEMA") -> None:
    def make() -> Attempt:
        kit = Kit()
        members = kit.members()
        payload = dsse.parse(members[layout.STATEMENT], "application/vnd.in-toto+json").payload
        changed = jcs.dumps(change(json.loads(payload)))
        members[layout.STATEMENT] = dsse.seal("application/vnd.in-toto+json", changed, kit.sealer)
        return kit.rebagged(members), kit.ask()

    attack(f"schema statement {name}", CODES[code], code)(make)


stated("of another type", having(_type="https://in-toto.io/Statement/v0.1"), "VERSION")
stated("with another predicate", having(predicateType="https://slsa.dev/provenance/v1"), "VERSION")
stated("with a member of its own", having(note="x"))
stated("without files", having(subject={}))
stated("with a digest of another kind", inside("subject", 0, digest={"sha512": "00" * 64}))
stated("with a file under two digests", lambda said: {**said, "subject": [*said["subject"], said["subject"][0]]})
stated("with a count below zero", inside("predicate", events=-1))
stated("with a count that is a word", inside("predicate", events="5"))
stated("with an origin that is a number", inside("predicate", origin=5))
stated("without a kind", inside("predicate", kind=GONE))


def noted(name: str, change: Callable[[str], str], code: str) -> None:
    def make() -> Attempt:
        kit = Kit()
        last = layout.checkpoint(3)
        return kit.resigned(lambda members: members.update({last: change(members[last].decode()).encode()})), kit.ask()

    attack(f"note {name}", CODES[code], code)(make)


noted("with a size that has a leading zero", lambda text: text.replace("\n11\n", "\n011\n"), "NOTE-FORMAT")
noted("with a size that is none", lambda text: text.replace("\n11\n", "\n-1\n"), "NOTE-FORMAT")
noted("with a root that is short", lambda text: text.replace("=\n\n", "\n\n"), "NOTE-FORMAT")
noted("with a plus in its origin", lambda text: text.replace(ORIGIN, ORIGIN + "+1", 1), "NOTE-FORMAT")
noted("with a tab", lambda text: text.replace(f"{ORIGIN} ", f"{ORIGIN}\t"), "NOTE-FORMAT")
noted("that does not end", lambda text: text[:-1], "NOTE-FORMAT")
noted("with a hyphen for a dash", lambda text: text.replace("\u2014 ", "- "), "NOTE-FORMAT")
noted("with a signature that is short", lambda text: text + f"\u2014 x {b64(b'1234')}\n", "NOTE-FORMAT")
noted("with 65 signatures", lambda text: text + f"\u2014 x {b64(bytes(68))}\n" * 64, "LIMIT")


@attack("note with a signature of somebody unknown is as good as before", Verdict.VERIFIED)
def _() -> Attempt:
    kit = Kit()
    line = note.sign(kit.log.head(kit.sizes[-1]), signer()).split("\n\n")[1]
    return kit.bundle(notes=[*kit.material().notes[:-1], kit.note(kit.sizes[-1]) + line]), kit.ask()


def packed(name: str, archive: Callable[[dict[str, bytes]], bytes], code: str) -> None:
    def make() -> Attempt:
        kit = Kit()
        return archive(kit.members()), kit.ask()

    attack(f"zip {name}", CODES[code], code)(make)


def _renamed(name: str) -> Callable[[dict[str, bytes]], bytes]:
    """A safe name of the same length takes the place until the bytes are made."""
    placeholder = "x" * len(name)
    return lambda _: container.pack({placeholder: b"1"}).replace(placeholder.encode(), name.encode())


UNSAFE = {
    "that is absolute": "/etc/passwd",
    "that climbs": "a/../b",
    "with a backslash": "a\\b",
    "that hides": ".hidden",
    "with an empty part": "a//b",
    "of a folder": "a/",
    "with a drive": "C:evil",
    "with a blank": "a b",
}
for what, unsafe in UNSAFE.items():
    packed(f"with a name {what}", _renamed(unsafe), "ZIP-NAME")
packed(
    "with a name of 201 letters",
    lambda _: (
        container.pack({"x" * 200: b""})
        .replace(b"x" * 200, b"x" * 200)
        .replace(b"\xc8\x00\x00\x00" + b"x" * 200, b"\xc9\x00\x00\x00" + b"x" * 201, 1)
    ),
    "ZIP-NAME",
)
packed("that is empty", lambda _: b"", "ZIP-FORMAT")
packed("that is something else", lambda _: b"%PDF-1.7\n", "ZIP-FORMAT")
packed("cut in half", lambda members: container.pack(members)[:4000], "ZIP-FORMAT")
packed("with something before it", lambda members: b"#!/bin/sh\n" + container.pack(members), "ZIP-FORMAT")
packed("with a comment", lambda members: container.pack(members)[:-2] + b"\x02\x00hi", "ZIP-FORMAT")
packed(
    "with another time in a header",
    lambda members: container.pack(members).replace(b"\x21\x00", b"\x22\x00", 1),
    "ZIP-FORMAT",
)
packed(
    "whose directory tells another name",
    lambda members: _last(container.pack(members), b"VERIFY.md", b"VERIFY.txt"[:9]),
    "ZIP-FORMAT",
)
packed(
    "with a checksum that is wrong",
    lambda members: container.pack(members).replace(b"interlock-verify", b"interlock-Verify", 1),
    "ZIP-FORMAT",
)


def _last(archive: bytes, old: bytes, new: bytes) -> bytes:
    before, _, behind = archive.rpartition(old)
    return before + new + behind
