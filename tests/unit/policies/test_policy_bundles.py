"""A bundle is what was signed, or it is nothing; and a freshness statement has a time and a place."""

import base64
import gzip
import io
import json
import random
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from controlplane.lib.canonical import sha256_hex
from policies import authoring, bundles, freshness, jws, packs
from policies.errors import BundleInvalid
from policies.freshness import SKEW_NS, Statement
from policies.keyring import KeyRing

SOURCES = {"triage": packs.triage(channels=["C0TEAM0001"])}
Files = dict[str, bytes]


@pytest.fixture
def ring(tmp_path: Path) -> KeyRing:
    return KeyRing(tmp_path / "keys")


def build(ring: KeyRing) -> bytes:
    signing = ring.signing()
    parts = {"modules": authoring.modules(SOURCES), "data": authoring.data(SOURCES)}
    return bundles.build(**parts, key=signing.private, kid=signing.kid)[1]


def files_of(content: bytes) -> Files:
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as tar:
        return {entry.name: tar.extractfile(entry).read() for entry in tar}


def test_the_same_content_gives_the_same_bytes(ring: KeyRing) -> None:
    assert build(ring) == build(ring)


def test_a_bundle_opens_to_what_was_put_in(ring: KeyRing) -> None:
    content = build(ring)
    opened = bundles.open_verified(content, keys=ring.trusted())
    assert opened.modules == authoring.modules(SOURCES)
    assert opened.data == {"interlock": authoring.data(SOURCES)}
    assert opened.sha256 == sha256_hex(content)


def test_tests_are_not_in_a_bundle(ring: KeyRing) -> None:
    assert [name for name in files_of(build(ring)) if "test" in name] == []


def test_the_signature_is_what_an_opa_server_expects(ring: KeyRing) -> None:
    files = files_of(build(ring))
    assert list(files) == sorted(files)
    (token,) = json.loads(files[".signatures.json"])["signatures"]
    header, payload = (json.loads(base64.urlsafe_b64decode(part + "==")) for part in token.split(".")[:2])
    assert header == {"alg": "ES256", "kid": ring.signing().kid, "typ": "JWT"}
    assert payload["scope"] == "policy"
    named = {entry["name"]: entry["hash"] for entry in payload["files"]}
    assert named == {name: sha256_hex(body) for name, body in files.items() if name != ".signatures.json"}
    assert json.loads(files[".manifest"])["roots"] == ["interlock"]


def test_a_flipped_bit_anywhere_is_refused(ring: KeyRing) -> None:
    content = build(ring)
    intact = bundles.open_verified(content, keys=ring.trusted())
    seeded = random.Random(7)
    for _ in range(200):
        position = seeded.randrange(len(content))
        changed = bytearray(content)
        changed[position] ^= 1 << seeded.randrange(8)
        try:
            opened = bundles.open_verified(bytes(changed), keys=ring.trusted())
        except BundleInvalid:
            continue
        # the few header bits that gzip ignores: other bytes, the same signed content, and another digest
        assert opened.modules == intact.modules
        assert opened.sha256 != intact.sha256


def repacked(files: Files, *, link: bool = False, twice: str = "") -> bytes:
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as tar:
        for name in [*files, *([twice] if twice else [])]:
            entry = tarfile.TarInfo(name)
            entry.size = len(files[name])
            tar.addfile(entry, io.BytesIO(files[name]))
        if link:
            entry = tarfile.TarInfo("interlock/link.rego")
            entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/passwd"
            tar.addfile(entry)
    return gzip.compress(plain.getvalue())


def without(name: str) -> Callable[[Files], Files]:
    return lambda files: {n: body for n, body in files.items() if n != name}


def with_(name: str, body: bytes) -> Callable[[Files], Files]:
    return lambda files: {**files, name: body}


@pytest.mark.parametrize(
    "change",
    [
        without(".signatures.json"),
        without("interlock/packs/default.rego"),
        without(".manifest"),
        with_("interlock/packs/extra.rego", b"package interlock.packs.extra"),
        with_("interlock/packs/triage.rego", b"package interlock.packs.triage\ngrants contains {} if true"),
        with_("interlock/data.json", b'{"config":{"triage":{"channels":["C0EVIL0001"]}}}'),
        with_("../escape.rego", b"package x"),
        with_("/absolute.rego", b"package x"),
        with_(".signatures.json", b'{"signatures":[]}'),
        with_(".signatures.json", b'{"signatures":["a.b.c"]}'),
        with_(".signatures.json", b"[" * 50_000),
    ],
)
def test_a_changed_bundle_is_refused(ring: KeyRing, change: Callable[[Files], Files]) -> None:
    files = files_of(build(ring))
    assert bundles.open_verified(repacked(files), keys=ring.trusted())
    with pytest.raises(BundleInvalid):
        bundles.open_verified(repacked(change(files)), keys=ring.trusted())


def test_links_and_doubles_are_refused(ring: KeyRing) -> None:
    files = files_of(build(ring))
    for content in (repacked(files, link=True), repacked(files, twice="interlock/main.rego")):
        with pytest.raises(BundleInvalid):
            bundles.open_verified(content, keys=ring.trusted())


def test_what_unpacks_to_too_much_is_refused(ring: KeyRing) -> None:
    with pytest.raises(BundleInvalid):
        bundles.open_verified(gzip.compress(b"\0" * (bundles.LARGEST + 1024)), keys=ring.trusted())


def test_a_bundle_of_another_deployment_is_refused(ring: KeyRing, tmp_path: Path) -> None:
    other = KeyRing(tmp_path / "other")
    other.signing()
    with pytest.raises(BundleInvalid):
        bundles.open_verified(build(ring), keys=other.trusted())


def test_a_token_of_another_algorithm_or_type_is_refused(ring: KeyRing) -> None:
    signing = ring.signing()
    token = jws.sign({"a": 1}, key=signing.private, kid=signing.kid, typ="x")
    assert jws.verify(token, keys=ring.trusted(), typ="x") == {"a": 1}
    with pytest.raises(jws.BadToken):
        jws.verify(token, keys=ring.trusted(), typ="y")
    none = base64.urlsafe_b64encode(json.dumps({"alg": "none", "kid": signing.kid, "typ": "x"}).encode()).decode()
    for forged in (f"{none.rstrip('=')}.{token.split('.')[1]}.", token[:-4] + "AAAA", "", "..", "a.b.c.d", token + "!"):
        with pytest.raises(jws.BadToken):
            jws.verify(forged, keys=ring.trusted(), typ="x")


def test_the_key_is_made_once_and_kept_private(ring: KeyRing, tmp_path: Path) -> None:
    first = ring.signing()
    assert KeyRing(tmp_path / "keys").signing().kid == first.kid
    assert set(ring.trusted()) == {first.kid}
    assert (tmp_path / "keys" / "signing.pem").stat().st_mode & 0o077 == 0


def test_a_key_under_a_false_name_is_refused(ring: KeyRing, tmp_path: Path) -> None:
    kid = ring.signing().kid
    trusted = tmp_path / "keys" / "trusted"
    (trusted / f"{kid}.pem").rename(trusted / "0000000000000000.pem")
    with pytest.raises(ValueError, match="named after"):
        ring.trusted()


STATEMENT = Statement("t", "e", "s", "r", 1, issued_ns=10**12, not_after_ns=2 * 10**12)


def test_a_statement_survives_its_signature(ring: KeyRing) -> None:
    signing = ring.signing()
    token = STATEMENT.signed(key=signing.private, kid=signing.kid)
    assert freshness.read(token, keys=ring.trusted()) == STATEMENT
    stranger = ec.generate_private_key(ec.SECP256R1())
    with pytest.raises(jws.BadToken):
        freshness.read(STATEMENT.signed(key=stranger, kid=signing.kid), keys=ring.trusted())


@pytest.mark.parametrize(
    ("now_ns", "covered"),
    [
        (10**12, True),
        (10**12 - SKEW_NS, True),
        (10**12 - SKEW_NS - 1, False),
        (2 * 10**12 - 1, True),
        (2 * 10**12, False),
    ],
)
def test_a_statement_has_a_beginning_and_an_end(now_ns: int, covered: bool) -> None:
    assert STATEMENT.covers(now_ns) is covered
