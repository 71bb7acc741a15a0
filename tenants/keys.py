"""The key-encryption key. One provider today (environment or a file in the data folder), one protocol for more."""

import os
import secrets
from pathlib import Path
from typing import Protocol

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

from controlplane.lib.canonical import sha256_hex

_NONCE = 12


class KeyProvider(Protocol):
    """Wraps and unwraps data keys; AWS KMS or Vault fit behind the same three members."""

    @property
    def kek_id(self) -> str: ...

    def wrap(self, key: bytes, context: bytes) -> bytes: ...

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes: ...


class LocalKey:
    """AES-256-GCM under one key held by the process."""

    def __init__(self, kek: bytes) -> None:
        self._aead = AESGCM(kek)
        self.kek_id = "local:" + sha256_hex(b"interlock.kek.v1\0" + kek)[:16]

    def wrap(self, key: bytes, context: bytes) -> bytes:
        return seal(self._aead, key, context)

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        return unseal(self._aead, wrapped, context)


def seal(aead: AESGCM, content: bytes, context: bytes) -> bytes:
    """nonce (12 bytes) ‖ ciphertext; `context` is authenticated, so a row cannot be moved."""
    nonce = secrets.token_bytes(_NONCE)
    return nonce + aead.encrypt(nonce, content, context)


def unseal(aead: AESGCM, sealed: bytes, context: bytes) -> bytes:
    """Raises cryptography's InvalidTag when the content or its context was changed."""
    return aead.decrypt(bytes(sealed[:_NONCE]), bytes(sealed[_NONCE:]), context)


def provider() -> KeyProvider:
    return LocalKey(settings.INTERLOCK_KEK or _key_from_file(settings.INTERLOCK_DATA_DIR / "keys" / "kek"))


def _key_from_file(path: Path) -> bytes:
    """Created on first use, readable by its owner only; O_EXCL lets one of two racing processes win."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = path.with_name(f"kek.{secrets.token_hex(4)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(32))
        try:
            os.link(draft, path)
        except FileExistsError:
            pass  # another process was first: its key counts
        finally:
            draft.unlink()
    return path.read_bytes()
