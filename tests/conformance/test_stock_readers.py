"""Readers that we did not write accept what they should: OpenSSL, securesystemslib and in-toto for the statements, a
C2SP implementation for notes and trees, BagIt and coreutils for the files. And they refuse what was changed."""

import base64
import hashlib
import itertools
import json
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import aics_tlog
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from google.protobuf import json_format
from in_toto_attestation.v1 import statement_pb2
from in_toto_attestation.v1.statement import Statement
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import SSlibKey

from evidence.verify import layout
from evidence.verify.dossier import parse_consistency, parse_proofs
from evidence.verify.signing import kid_of
from tests.unit.evidence.forge import Kit
from tests.unit.evidence.forge_kinds import Approval, Period

STATEMENTS = (layout.STATEMENT, layout.KEYRING)


@dataclass
class Unpacked:
    """A bundle unzipped by the standard library, and the public keys that sign envelopes, by name."""

    kit: Kit
    folder: Path
    keys: dict[str, bytes]

    def read(self, name: str) -> bytes:
        return (self.folder / name).read_bytes()


@pytest.fixture(params=[Kit, Approval, Period], ids=["run", "approval", "period"])
def bundle(request: pytest.FixtureRequest, tmp_path: Path) -> Unpacked:
    kit = request.param()
    (tmp_path / "bundle.evb").write_bytes(kit.bundle())
    with zipfile.ZipFile(tmp_path / "bundle.evb") as archive:
        assert archive.testzip() is None
        archive.extractall(tmp_path / "bag")
    keys = {kid_of(public): public for public in (kit.root.public, kit.sealer.public)}
    return Unpacked(kit, tmp_path / "bag", keys)


def openssl_accepts(folder: Path, public: bytes, message: bytes, signature: bytes) -> bool:
    pem = Ed25519PublicKey.from_public_bytes(public).public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    for name, content in {"key.pem": pem, "message": message, "signature": signature}.items():
        (folder / name).write_bytes(content)
    command = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", "key.pem", "-rawin", "-in", "message"]
    done = subprocess.run([*command, "-sigfile", "signature"], cwd=folder, capture_output=True, check=False)
    return done.returncode == 0


@pytest.mark.parametrize("name", STATEMENTS)
def test_openssl_accepts_the_signatures_over_statement_and_keyring(bundle: Unpacked, tmp_path: Path, name: str) -> None:
    envelope = json.loads(bundle.read(name))
    kind, payload = envelope["payloadType"].encode(), base64.b64decode(envelope["payload"])
    message = b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)
    signature, public = (
        base64.b64decode(envelope["signatures"][0]["sig"]),
        bundle.keys[envelope["signatures"][0]["keyid"]],
    )
    assert openssl_accepts(tmp_path, public, message, signature)
    assert not openssl_accepts(tmp_path, public, message + b" ", signature)


def test_openssl_accepts_the_signature_of_a_checkpoint(bundle: Unpacked, tmp_path: Path) -> None:
    text = bundle.read(layout.checkpoint(1)).decode()
    body, line = text.split("\n\n")
    signature = base64.b64decode(line.split(" ")[2])[4:]
    public = bundle.kit.checkpointer.public
    assert openssl_accepts(tmp_path, public, f"{body}\n".encode(), signature)
    assert not openssl_accepts(tmp_path, public, body.encode(), signature)


@pytest.mark.parametrize("name", STATEMENTS)
def test_securesystemslib_accepts_the_envelopes(bundle: Unpacked, name: str) -> None:
    envelope = Envelope.from_dict(json.loads(bundle.read(name)))
    (kid,) = envelope.signatures
    key = SSlibKey(kid, "ed25519", "ed25519", {"public": bundle.keys[kid].hex()})
    assert envelope.verify([key], 1)
    envelope.payload += b" "
    with pytest.raises(VerificationError):
        envelope.verify([key], 1)


def test_in_toto_reads_the_statement_and_finds_every_file_in_it(bundle: Unpacked) -> None:
    payload = Envelope.from_dict(json.loads(bundle.read(layout.STATEMENT))).payload
    read = json_format.Parse(payload, statement_pb2.Statement())
    Statement.copy_from_pb(read).validate()
    assert read.predicate_type == "https://interlock.dev/evidence-bundle/v1"
    for subject in read.subject:
        assert hashlib.sha256(bundle.read(subject.name)).hexdigest() == subject.digest["sha256"]


def test_a_bag_reader_and_sha256sum_accept_the_files(bundle: Unpacked) -> None:
    validate = [sys.executable, "-W", "ignore", "-m", "bagit", "--validate", "--quiet", "."]
    check = ["sha256sum", "--check", "--strict", "--quiet", "manifest-sha256.txt", "tagmanifest-sha256.txt"]
    for command in (validate, check):
        assert _runs(command, bundle.folder) == 0
    (bundle.folder / layout.EVENTS).write_bytes(bundle.read(layout.EVENTS) + b"\n")
    for command in (validate, check):
        assert _runs(command, bundle.folder) != 0


def _runs(command: list[str], folder: Path) -> int:
    return subprocess.run(command, cwd=folder, capture_output=True, check=False).returncode


@dataclass
class Head:
    text: str
    size: int
    root: bytes


@pytest.fixture
def heads(bundle: Unpacked) -> list[Head]:
    """The checkpoints of the bundle, accepted by the C2SP reader under the key of the log."""
    found = []
    for path in sorted((bundle.folder / layout.CHECKPOINTS).iterdir()):
        text = path.read_text()
        read = aics_tlog.parse_note(text)
        key = aics_tlog.vkey_from_ed25519(bundle.kit.log.origin, bundle.kit.checkpointer.public)
        result = aics_tlog.verify_checkpoint(read, key, expected_origin=bundle.kit.log.origin)
        assert result.log_ok, result
        checkpoint = aics_tlog.parse_checkpoint(read.text)
        found.append(Head(text, checkpoint.size, checkpoint.root))
    return found


def test_a_c2sp_reader_accepts_notes_and_consistency(bundle: Unpacked, heads: list[Head]) -> None:
    links = parse_consistency(bundle.read(layout.CONSISTENCY))
    for old, new in itertools.pairwise(heads):
        path = links[old.size, new.size]
        assert aics_tlog.verify_consistency(old.size, new.size, old.root, new.root, path)
        assert not aics_tlog.verify_consistency(old.size, new.size, new.root, old.root, path)


def test_a_c2sp_reader_finds_every_leaf_in_the_tree(bundle: Unpacked, heads: list[Head]) -> None:
    last, lines = heads[-1], bundle.read(layout.LEAVES).splitlines()
    if (bundle.folder / layout.FRONTIER).exists():
        tree = aics_tlog.MerkleTree([*bundle.kit.log.leaves[: heads[0].size], *lines])
        assert tree.root() == last.root
        return
    for line in lines:
        index = json.loads(line)["n"]
        path = parse_proofs(bundle.read(layout.PROOFS))[index]
        assert aics_tlog.verify_leaf_inclusion(line, index, last.size, path, last.root)
        assert not aics_tlog.verify_leaf_inclusion(line + b" ", index, last.size, path, last.root)


def test_a_c2sp_reader_refuses_a_note_of_somebody_else(bundle: Unpacked) -> None:
    read = aics_tlog.parse_note(bundle.read(layout.checkpoint(1)).decode())
    key = aics_tlog.vkey_from_ed25519(bundle.kit.log.origin, bundle.kit.sealer.public)
    assert not aics_tlog.verify_checkpoint(read, key, expected_origin=bundle.kit.log.origin).log_ok
