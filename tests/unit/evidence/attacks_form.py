"""Attacks on keys, signatures, content and form."""

import io
import zipfile
from collections.abc import Callable
from dataclasses import replace

from evidence.bundling import assemble
from evidence.verify import dsse, encoding, keyring, layout, note
from evidence.verify.container import pack, unpack
from evidence.verify.disclosure import Disclosure
from evidence.verify.dossier import Question
from evidence.verify.findings import Verdict
from tests.unit.evidence.corpus import Attempt, attack, edited
from tests.unit.evidence.forge import DAY, NOW, ORIGIN, SALT, Kit, signer

# --- keys and signatures ---------------------------------------------------------------------------------------


@attack("14 the bundle of another tenant", Verdict.TAMPERED, "KEY-SCOPE", "ORIGIN")
def _() -> Attempt:
    kit = Kit()
    return kit.bundle(), kit.ask(scope="ev.test/tenant-b/")


@attack("14b a checkpoint of another log", Verdict.TAMPERED, "ORIGIN")
def _() -> Attempt:
    kit = Kit()
    kit.log.origin = ORIGIN.replace("itsm", "hr")
    foreign = kit.note(kit.sizes[0])
    kit.log.origin = ORIGIN
    return kit.bundle(notes=[foreign, *kit.material().notes[1:]]), kit.ask()


@attack("17 a bit of a checkpoint's signature", Verdict.TAMPERED, "NOTE-SIG")
def _() -> Attempt:
    kit = Kit()
    signed = note.parse(kit.note(kit.sizes[-1]).encode())
    line = signed.signatures[0]
    broken = encoding.b64(line.key_id + bytes([line.signature[0] ^ 1]) + line.signature[1:])
    text = f"{signed.checkpoint.body()}\n\u2014 {line.name} {broken}\n"
    return kit.bundle(notes=[*kit.material().notes[:-1], text]), kit.ask()


@attack("18 a checkpoint by a stranger", Verdict.UNTRUSTED, "NOTE-KEY")
def _() -> Attempt:
    kit = Kit()
    return kit.bundle(notes=[*kit.material().notes[:-1], kit.note(kit.sizes[-1], signer())]), kit.ask()


@attack("19 a stranger signs and claims a known key", Verdict.TAMPERED, "DSSE-SIG")
def _() -> Attempt:
    kit = Kit()

    class Impostor:
        public = kit.sealer.public
        sign = staticmethod(signer().sign)

    return assemble(kit.material(), Impostor()), kit.ask()


@attack("19b a stranger signs", Verdict.UNTRUSTED, "DSSE-KEY")
def _() -> Attempt:
    kit = Kit()
    return assemble(kit.material(), signer()), kit.ask()


@attack("20 the attacker's own keyring", Verdict.UNTRUSTED, "ROOT-KEY")
def _() -> Attempt:
    kit = Kit()
    return kit.bundle(keyring=kit.ring(by=signer())), kit.ask()


@attack("20b the attacker's own keyring under the name of the root key", Verdict.TAMPERED, "DSSE-SIG")
def _() -> Attempt:
    kit = Kit()

    class Impostor:
        public = kit.root.public
        sign = staticmethod(signer().sign)

    return kit.bundle(keyring=kit.ring(by=Impostor())), kit.ask()


@attack("21 an old keyring that hides a revocation", Verdict.UNTRUSTED, "KEYRING-OLD")
def _() -> Attempt:
    kit = Kit()
    return kit.bundle(), kit.ask(min_keyring_version=2)


@attack("22 a revoked key", Verdict.UNTRUSTED, "KEY-REVOKED")
def _() -> Attempt:
    kit = Kit()
    keys = [replace(kit.keys[0], revoked_at=NOW - 1), kit.keys[1]]
    return kit.bundle(keyring=kit.ring(keys=keys)), kit.ask()


@attack("24 a key that had expired", Verdict.UNTRUSTED, "KEY-PERIOD")
def _() -> Attempt:
    kit = Kit()
    keys = [replace(kit.keys[0], not_after=NOW - 1), kit.keys[1]]
    return kit.bundle(keyring=kit.ring(keys=keys)), kit.ask()


@attack("24b a key that is not valid yet", Verdict.UNTRUSTED, "KEY-PERIOD")
def _() -> Attempt:
    kit = Kit()
    keys = [replace(kit.keys[0], not_before=NOW + 2 * DAY), kit.keys[1]]
    return kit.bundle(keyring=kit.ring(keys=keys)), kit.ask()


@attack("25 an honest rotation", Verdict.VERIFIED)
def _() -> Attempt:
    kit, fresh = Kit(), signer()
    keys = [*kit.keys, Key(fresh.public)]
    notes = [*kit.material().notes[:-1], kit.note(kit.sizes[-1], fresh)]
    return kit.bundle(notes=notes, keyring=kit.ring(keys=keys, version=2)), kit.ask()


def Key(public: bytes) -> keyring.Key:  # noqa: N802 - a key with the usual times
    return keyring.Key(public, "checkpoint", NOW, NOW + 7 * DAY)


@attack("26 no trust", Verdict.UNTRUSTED, "TRUST-NONE")
def _() -> Attempt:
    return Kit().bundle(), Question(None, (), NOW + DAY)


# --- content ---------------------------------------------------------------------------------------------------


@attack("33 opened content is altered", Verdict.TAMPERED, "DISCLOSURE")
def _() -> Attempt:
    kit = Kit()
    return kit.bundle(disclosures=[Disclosure("event-2", "/data/content", SALT, b"hellO")]), kit.ask()


@attack("34 opened content is moved to another event", Verdict.TAMPERED, "DISCLOSURE")
def _() -> Attempt:
    kit = Kit()
    return kit.bundle(disclosures=[Disclosure("event-3", "/data/content", SALT, b"hello")]), kit.ask()


@attack("34b content is opened twice to hide a withheld one", Verdict.TAMPERED, "DISCLOSURE")
def _() -> Attempt:
    kit = Kit()
    return kit.bundle(disclosures=[Disclosure("event-2", "/data/content", SALT, b"hello")] * 2), kit.ask()


@attack("35 content is withheld, and counted", Verdict.VERIFIED)
def _() -> Attempt:
    kit = Kit()
    return kit.bundle(disclosures=[]), kit.ask()


@attack("51 content is gone and nothing says why", Verdict.INCOMPLETE, "ERASED-UNEXPLAINED")
def _() -> Attempt:
    kit = Kit()
    return kit.bundle(disclosures=[], erased=2), kit.ask()


@attack("58 the page says something else", Verdict.TAMPERED, "REPORT-DRIFT")
def _() -> Attempt:
    kit = Kit()
    return kit.resigned(edited(layout.REPORT, b"write", b"wrote")), kit.ask()


# --- form ------------------------------------------------------------------------------------------------------


def malformed_event(name: str, code: str, change: Callable[[bytes], bytes]) -> None:
    def make() -> Attempt:
        kit = Kit()

        def break_first(members: dict[str, bytes]) -> None:
            first, rest = members[layout.EVENTS].split(b"\n", 1)
            members[layout.EVENTS] = change(first) + b"\n" + rest

        return kit.resigned(break_first), kit.ask()

    attack(name, Verdict.MALFORMED, code)(make)


malformed_event("36 JSON that is not canonical", "JSON-CANON", lambda line: line.replace(b'":', b'": ', 1))
malformed_event("37 a member twice", "JSON-DUP", lambda line: line.replace(b'"v":1', b'"v":1,"v":1'))
malformed_event("38 a float", "JSON-FLOAT", lambda line: line.replace(b'"v":1', b'"v":1.0'))
malformed_event("38b not JSON", "JSON-FORMAT", lambda line: line[:-1])
malformed_event("38c null", "JSON-FORMAT", lambda line: line.replace(b'"INC1"', b"null"))
malformed_event("44 an unknown version of an event", "VERSION", lambda line: line.replace(b'"v":1', b'"v":2'))
malformed_event("44b an unknown member", "SCHEMA", lambda line: line.replace(b'"v":1', b'"v":1,"w":1'))
malformed_event("59 nested deeper than allowed", "LIMIT", lambda line: b"[" * 5000 + b"]" * 5000)
malformed_event("59b an event beyond its size", "LIMIT", lambda line: b'"' + b"x" * 20_000 + b'"')


def zipped(*members: tuple[str, bytes], compression: int = zipfile.ZIP_STORED) -> Attempt:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as archive:
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name), content, compression)
    return stream.getvalue(), Kit().ask()


@attack("39 a member that climbs out", Verdict.MALFORMED, "ZIP-NAME")
def _() -> Attempt:
    return zipped(("../evil", b"x"))


@attack("40 one member name twice", Verdict.MALFORMED, "ZIP-DUP")
def _() -> Attempt:
    archive, question = zipped(("a.txt", b"x"))
    once = archive[: archive.index(b"PK\x01\x02")]
    return once + once, question


@attack("40b the honest content, compressed", Verdict.MALFORMED, "ZIP-FORMAT")
def _() -> Attempt:
    return zipped(*unpack(Kit().bundle()).items(), compression=zipfile.ZIP_BZIP2)


@attack("40c bytes behind the archive", Verdict.MALFORMED, "ZIP-FORMAT")
def _() -> Attempt:
    kit = Kit()
    return kit.bundle() + b"\0", kit.ask()


@attack("41 a file is added", Verdict.TAMPERED, "FILE-ADDED")
def _() -> Attempt:
    kit = Kit()
    return kit.unsigned(lambda members: members.update({"data/extra.txt": b"x"})), kit.ask()


@attack("42 a file is removed", Verdict.TAMPERED, "FILE-REMOVED")
def _() -> Attempt:
    kit = Kit()
    return kit.unsigned(lambda members: members.pop(layout.REPORT)), kit.ask()


@attack("43 a bundle without proofs", Verdict.INCOMPLETE, "MISSING-FILE")
def _() -> Attempt:
    kit = Kit()
    return kit.resigned(lambda members: members.pop(layout.PROOFS)), kit.ask()


@attack("43b a proof is missing", Verdict.INCOMPLETE, "MISSING-PROOF")
def _() -> Attempt:
    kit = Kit()
    return kit.bundle(proofs=dict(list(kit.material().proofs.items())[1:])), kit.ask()


@attack("a manifest that does not fit", Verdict.TAMPERED, "BAG-DIGEST")
def _() -> Attempt:
    kit = Kit()
    members = unpack(kit.bundle())
    members["bag-info.txt"] += b"Contact-Name: Mallory\n"
    return pack(members), kit.ask()


@attack("46 an extension line in a checkpoint", Verdict.MALFORMED, "NOTE-EXT")
def _() -> Attempt:
    kit = Kit()
    return kit.resigned(edited(layout.checkpoint(3), b"\n\n", b"\nextra\n\n")), kit.ask()


@attack("46b a checkpoint that is no note", Verdict.MALFORMED, "NOTE-FORMAT")
def _() -> Attempt:
    kit = Kit()
    return kit.resigned(edited(layout.checkpoint(3), b"\n\n", b"\n")), kit.ask()


@attack("a statement in another envelope", Verdict.MALFORMED, "DSSE-FORMAT")
def _() -> Attempt:
    kit = Kit()
    other = dsse.seal("text/plain", b"{}", kit.sealer)
    return kit.unsigned(lambda members: members.update({layout.STATEMENT: other})), kit.ask()


@attack("a statement of another kind", Verdict.MALFORMED, "VERSION")
def _() -> Attempt:
    kit = Kit()
    return kit.restated(kind="era"), kit.ask()


@attack("59c a strict profile counts what was skipped", Verdict.INCOMPLETE, "SKIPPED")
def _() -> Attempt:
    kit = Kit()
    return kit.bundle(), replace(kit.ask(), profile="audit")
