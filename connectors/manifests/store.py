"""Signed manifests on disk: `key.pem`, `trusted/<key id>.pub`, `manifests/<name>-<version>.json`."""

import json
import os
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from connectors.errors import ManifestInvalid
from connectors.manifests.document import PAYLOAD_TYPE, Manifest, builtin_documents, parse, read
from connectors.types import JsonObject
from controlplane.lib.canonical import canonical, sha256_hex
from evidence.verify import dsse
from evidence.verify.malformed import Malformed
from evidence.verify.signing import LocalSigner, kid_of

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_VERSION = re.compile(r"\d+\.\d+\.\d+")


@dataclass(frozen=True, slots=True)
class ManifestStore:
    """Loading needs the public keys only; hosts that never publish need no `key.pem`."""

    directory: Path

    def install(self) -> list[Manifest]:
        return [self.publish(document) for document in builtin_documents()]

    def publish(self, document: JsonObject) -> Manifest:
        """Sign and store. Raises ManifestInvalid when the version exists with other content."""
        manifest = parse(document)
        path = self._path(manifest.name, manifest.version)
        if path.exists():
            return self.load(manifest.name, manifest.version, digest=manifest.digest)
        _write(path, dsse.seal(PAYLOAD_TYPE, canonical(document), LocalSigner(self._signing_key())))
        return manifest

    def load(self, name: str, version: str, *, digest: str = "") -> Manifest:
        if not (_NAME.fullmatch(name) and _VERSION.fullmatch(version)):
            raise ManifestInvalid("a manifest is named like servicenow 1.0.0")
        manifest = self._read(self._path(name, version))
        if (manifest.name, manifest.version) != (name, version):
            raise ManifestInvalid(f"the file of {name} {version} holds {manifest.name} {manifest.version}")
        if digest and manifest.digest != digest:
            raise ManifestInvalid(
                f"{name} {version} was published with other content; give the changed one a new version"
            )
        return manifest

    def load_all(self) -> list[Manifest]:
        return [self._read(path) for path in sorted(self._manifests.glob("*.json"))]

    @property
    def _manifests(self) -> Path:
        return self.directory / "manifests"

    def _path(self, name: str, version: str) -> Path:
        return self._manifests / f"{name}-{version}.json"

    def _read(self, path: Path) -> Manifest:
        try:
            envelope = dsse.parse(path.read_bytes(), PAYLOAD_TYPE)
        except FileNotFoundError as error:
            raise ManifestInvalid(f"{path.stem} is not installed") from error
        except Malformed as error:
            raise ManifestInvalid(f"{path.stem} is not a signed manifest: {error}") from error
        if not any(self._signed(envelope, public) for public in self._trusted()):
            raise ManifestInvalid(f"no trusted key signed {path.stem}")
        return read(json.loads(envelope.payload))

    def _signed(self, envelope: dsse.Envelope, public: bytes) -> bool:
        signature = envelope.signature_of(kid_of(public))
        return signature is not None and envelope.holds(public, signature)

    def _trusted(self) -> list[bytes]:
        return [path.read_bytes() for path in sorted((self.directory / "trusted").glob("*.pub"))]

    def _signing_key(self) -> Ed25519PrivateKey:
        path = self.directory / "key.pem"
        if not path.exists():
            _write_once(path, _new_key())
        key = load_pem_private_key(path.read_bytes(), None)
        if not isinstance(key, Ed25519PrivateKey):
            raise ManifestInvalid(f"{path.name} is not an Ed25519 key")
        public = key.public_key().public_bytes_raw()
        _write_once(self.directory / "trusted" / f"{sha256_hex(public)[:16]}.pub", public)
        return key


def _new_key() -> bytes:
    return Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all, readable by the owner only (mkstemp's mode)."""
    temporary = _temporary(path, content)
    temporary.replace(path)


def _write_once(path: Path, content: bytes) -> None:
    """The first of two racing processes wins; the other uses what is there."""
    temporary = _temporary(path, content)
    try:
        os.link(temporary, path)
    except FileExistsError:
        return
    finally:
        temporary.unlink()


def _temporary(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor, name = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return Path(name)
