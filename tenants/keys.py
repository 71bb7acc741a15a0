"""The key-encryption key. One provider today (environment or a file in the data folder), one protocol for more."""

import os
import secrets
from pathlib import Path
from typing import Protocol

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

from controlplane.lib.canonical import sha256_hex

_NONCE = 12
CURRENT, FORMER = "kek", "kek.former"


class KeyProvider(Protocol):
    """Wraps and unwraps data keys; AWS KMS or Vault fit behind the same three members."""

    @property
    def kek_id(self) -> str: ...

    def wrap(self, key: bytes, context: bytes) -> bytes: ...

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes: ...


class KeyGone(LookupError):
    """The key-encryption key of that id is not here: destroyed, or another installation's."""


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
    """The key that wraps from now on."""
    return LocalKey(settings.INTERLOCK_KEK or _key_from_file(_folder() / CURRENT))


def provider_of(kek_id: str) -> KeyProvider:
    """The key that wrapped under this id, while it is kept; raises KeyGone."""
    known = provider()
    if known.kek_id == kek_id:
        return known
    former = _former()
    if former is None or former.kek_id != kek_id:
        raise KeyGone(kek_id)
    return former


def turn() -> None:
    """Begin a new epoch: a new key wraps, the one before it is kept until nothing is under it any more (`end_former`).

    Of keys that the operator provides (`INTERLOCK_KEK`) the operator turns: new key there, the old one as
    `INTERLOCK_KEK_PREVIOUS`. Raises FileExistsError while an earlier epoch has not ended.
    """
    if settings.INTERLOCK_KEK:
        return
    folder = _folder()
    _key_from_file(folder / CURRENT)
    os.link(folder / CURRENT, folder / FORMER)
    (folder / CURRENT).unlink()
    _key_from_file(folder / CURRENT)


def turning() -> bool:
    """Whether a former epoch has not ended yet."""
    return _former() is not None


def end_former() -> None:
    """Destroy the key of the epoch before. Backups of that time cannot be opened by anybody from then on."""
    path = _folder() / FORMER
    if path.exists():
        with path.open("r+b") as file:
            file.write(secrets.token_bytes(32))
            file.flush()
            os.fsync(file.fileno())
        path.unlink()


def _former() -> LocalKey | None:
    if settings.INTERLOCK_KEK:
        return LocalKey(settings.INTERLOCK_KEK_PREVIOUS) if settings.INTERLOCK_KEK_PREVIOUS else None
    path = _folder() / FORMER
    return LocalKey(path.read_bytes()) if path.exists() else None


def _folder() -> Path:
    folder: Path = settings.INTERLOCK_DATA_DIR / "keys"
    return folder


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
