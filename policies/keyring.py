"""The keys that policy is signed with: files in the data folder, not rows that the application's role could change.

`signing.pem` is the current private key; `trusted/<kid>.pem` are public keys that still verify (the current one and
those retired). Another host of the same deployment needs the same folder.
"""

import contextlib
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from controlplane.lib.canonical import sha256_hex

PublicKey = ec.EllipticCurvePublicKey


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A P-256 key with its id: the first 16 hex digits of the SHA-256 of its public key in DER."""

    kid: str
    private: ec.EllipticCurvePrivateKey = field(repr=False)


class KeyRing:
    """Reads and creates the keys of a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def signing(self) -> SigningKey:
        """The current key; the first caller of a deployment creates it."""
        path = self._folder / "signing.pem"
        if not path.exists():
            self._create(path)
        loaded = serialization.load_pem_private_key(path.read_bytes(), password=None)
        if not isinstance(loaded, ec.EllipticCurvePrivateKey) or loaded.curve.name != "secp256r1":
            raise ValueError(f"{path.name} is not a P-256 key")
        self._trust(loaded.public_key())
        return SigningKey(key_id(loaded.public_key()), loaded)

    def trusted(self) -> Mapping[str, PublicKey]:
        """Public keys by id; empty before the first signature."""
        keys = [self._public(path) for path in sorted((self._folder / "trusted").glob("*.pem"))]
        return {key_id(key): key for key in keys}

    def _public(self, path: Path) -> PublicKey:
        key = serialization.load_pem_public_key(path.read_bytes())
        if not isinstance(key, ec.EllipticCurvePublicKey) or key_id(key) != path.stem:
            raise ValueError(f"{path.name} is not the key it is named after")
        return key

    def _create(self, path: Path) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        encoding, plain = serialization.Encoding.PEM, serialization.NoEncryption()
        _write_once(path, key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, plain))

    def _trust(self, key: PublicKey) -> None:
        path = self._folder / "trusted" / f"{key_id(key)}.pem"
        if not path.exists():
            form = serialization.PublicFormat.SubjectPublicKeyInfo
            _write_once(path, key.public_bytes(serialization.Encoding.PEM, form))


def key_id(key: PublicKey) -> str:
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return sha256_hex(der)[:16]


def _write_once(path: Path, content: bytes) -> None:
    """Whole or not at all, mode 0600; of two processes at once the first wins and both read the same."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, draft = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        os.unlink(draft)
