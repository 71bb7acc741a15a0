"""First stages: who speaks, and are these the files they spoke about?"""

from evidence.verify import bag, dsse, keyring, layout, statement
from evidence.verify.dossier import Dossier, checkpoint_names, reading
from evidence.verify.findings import Assurance
from evidence.verify.keyring import Key
from evidence.verify.statement import Statement


class Stop(Exception):
    """The rest of the checks has nothing to stand on."""


def check_presence(dossier: Dossier) -> None:
    """Every file that the format asks for is there, or the statement tells that it was removed."""
    claims = _claims(dossier)
    kind = claims.predicate.kind if claims else layout.RUN
    missing = [name for name in layout.required(kind) if name not in dossier.members]
    if not checkpoint_names(dossier.members):
        missing.append(layout.checkpoint(1))
    for name in missing:
        code = "FILE-REMOVED" if claims and name in claims.subjects else "MISSING-FILE"
        dossier.fail(code, name, "the file is not in the bundle")
    if missing:
        raise Stop


def check_keyring(dossier: Dossier) -> None:
    """The keyring speaks only by the root key from outside the bundle."""
    before = len(dossier.report.failures)
    envelope = reading(layout.KEYRING, _keyring_envelope, dossier.members[layout.KEYRING])
    dossier.keyring = reading(layout.KEYRING, keyring.parse, envelope.payload)
    trust = dossier.question.trust
    if trust is None:
        dossier.fail("TRUST-NONE", "trust", "no trust file was given: nothing says whose keys these are")
        return
    _check_root(dossier, envelope)
    if dossier.ring.version < trust.min_keyring_version:
        dossier.fail("KEYRING-OLD", layout.KEYRING, f"version {dossier.ring.version} is older than the trusted one")
    if not dossier.ring.scope.startswith(trust.scope):
        dossier.fail("KEY-SCOPE", layout.KEYRING, f"the keys speak for {dossier.ring.scope}, not for {trust.scope}")
    if len(dossier.report.failures) == before:
        dossier.report.assurance = Assurance.A1
    dossier.conclude("KEYRING", layout.KEYRING, f"version {dossier.ring.version} is signed by the root key", before)


def check_statement(dossier: Dossier) -> None:
    """The statement is signed by a key of the keyring that may sign bundles, and speaks of one known log."""
    before = len(dossier.report.failures)
    envelope = reading(layout.STATEMENT, _statement_envelope, dossier.members[layout.STATEMENT])
    dossier.statement = reading(layout.STATEMENT, statement.parse, envelope.payload)
    dossier.report.kind = dossier.claims.predicate.kind
    dossier.report.origin = dossier.claims.predicate.origin
    check_signed(dossier, envelope, layout.STATEMENT, "the statement", dossier.claims.predicate.generated_at)
    origin = dossier.statement.predicate.origin
    trust = dossier.question.trust
    if not origin.startswith(dossier.ring.scope) or (trust is not None and not origin.startswith(trust.scope)):
        dossier.fail("ORIGIN", layout.STATEMENT, f"the log {origin} is not one of those that are trusted here")
    dossier.conclude("STATEMENT", layout.STATEMENT, f"signed, for {origin}", before)


def check_files(dossier: Dossier) -> None:
    """Digests in both directions: nothing changed, nothing removed, nothing added, and the bag fits."""
    before = len(dossier.report.failures)
    actual = statement.digests(dossier.members)
    subjects = dossier.claims.subjects
    for name, digest in subjects.items():
        if name not in actual:
            dossier.fail("FILE-REMOVED", name, "the statement names this file")
        elif actual[name] != digest:
            dossier.fail("FILE-DIGEST", name, "the content is not what was signed")
    for name in sorted(set(actual) - set(subjects) - {layout.STATEMENT, *bag.TAG_FILES}):
        dossier.fail("FILE-ADDED", name, "the statement does not name this file")
    _check_bag(dossier)
    dossier.conclude("FILES", "bundle", f"{len(subjects)} files are those that were signed", before)


def check_key(dossier: Dossier, key: Key, where: str, at_ms: int, proven_ms: int | None = None) -> None:
    """May this key have signed at that time? A revoked key proves nothing, unless somebody trusted has seen what it
    signed before the revocation (`proven_ms`)."""
    if key.revoked_at is not None and (proven_ms is None or proven_ms >= key.revoked_at):
        dossier.fail("KEY-REVOKED", where, f"{key.kid} was revoked, and nothing proves that it signed before that")
    elif at_ms > key.not_after:
        dossier.fail("KEY-PERIOD", where, f"{key.kid} had expired when this was signed")
    elif dossier.question.at_ms < key.not_before:
        dossier.fail("KEY-PERIOD", where, f"{key.kid} is not valid yet")


def check_signed(dossier: Dossier, envelope: dsse.Envelope, where: str, what: str, at_ms: int) -> None:
    """A key of the keyring that may sign bundles signed this, at that time."""
    for kid, signature in envelope.signatures:
        key = dossier.ring.find(kid, "bundle")
        if key is not None:
            if not envelope.holds(key.public, signature):
                dossier.fail("DSSE-SIG", where, f"the signature of {kid} does not hold")
            check_key(dossier, key, where, at_ms)
            return
    dossier.fail("DSSE-KEY", where, f"no key of the keyring signed {what}")


def _keyring_envelope(data: bytes) -> dsse.Envelope:
    return dsse.parse(data, keyring.PAYLOAD_TYPE)


def _statement_envelope(data: bytes) -> dsse.Envelope:
    return dsse.parse(data, statement.PAYLOAD_TYPE)


def _claims(dossier: Dossier) -> Statement | None:
    """The statement, if it is there; its signature is judged later."""
    if layout.STATEMENT not in dossier.members:
        return None
    envelope = reading(layout.STATEMENT, _statement_envelope, dossier.members[layout.STATEMENT])
    return reading(layout.STATEMENT, statement.parse, envelope.payload)


def _check_root(dossier: Dossier, envelope: dsse.Envelope) -> None:
    trust = dossier.question.trust
    assert trust is not None, "asked only with a trust file"
    for kid, signature in envelope.signatures:
        public = trust.root(kid)
        if public is not None:
            if not envelope.holds(public, signature):
                dossier.fail("DSSE-SIG", layout.KEYRING, f"the signature of {kid} does not hold")
            return
    dossier.fail("ROOT-KEY", layout.KEYRING, "no trusted root key signed the keyring")


def _check_bag(dossier: Dossier) -> None:
    others = {name: content for name, content in dossier.members.items() if name not in bag.TAG_FILES}
    for name, content in bag.tag_files(others).items():
        if name not in dossier.members:
            dossier.fail("FILE-REMOVED", name, "a bag has this file")
        elif dossier.members[name] != content:
            dossier.fail("BAG-DIGEST", name, "the tag file does not fit the payload")
