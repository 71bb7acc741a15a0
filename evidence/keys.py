"""Keys of the record. The root keys live where INTERLOCK_ROOT_KEYS says (`evidence.signers`); the others are files in
the data folder, readable by their owner only.

    root.pem                      signs keyrings unless another root is named; auditors take its public half away
    ingest                        seals events between the commit and the sequencer (HMAC)
    sealing/<tenant>/<use>.pem    signs checkpoints or bundles of one tenant, for at most seven days
"""

import fcntl
import hmac
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from django.conf import settings

from evidence import signers
from evidence.verify.signing import LocalSigner, Signer


def folder() -> Path:
    path: Path = settings.INTERLOCK_DATA_DIR / "keys"
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    return path


@contextmanager
def one_writer() -> Iterator[None]:
    """Processes of this machine take turns when a key is made or replaced."""
    descriptor = os.open(folder() / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def roots() -> list[Signer]:
    """Every root key that signs keyrings, the newest first. Several of them: one is being replaced."""
    return [signers.open_signer(address) for address in settings.INTERLOCK_ROOT_KEYS]


def default_root() -> Signer:
    """The root key of a deployment that names none, made on first use."""
    path = folder() / "root.pem"
    if not path.exists():
        with one_writer():
            if not path.exists():
                write_private(path, _pem(Ed25519PrivateKey.generate()))
    return load(path)


def sealing(tenant_id: UUID, use: str) -> Signer | None:
    """The present sealing key of a tenant for one use; None before the first or after its destruction."""
    path = _sealing_path(tenant_id, use)
    return load(path) if path.exists() else None


def make_sealing(tenant_id: UUID, use: str) -> Signer:
    """A new sealing key in the place of the former one, which is destroyed. Call it inside `one_writer`."""
    path = _sealing_path(tenant_id, use)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_private(path, _pem(Ed25519PrivateKey.generate()))
    return load(path)


def destroy_sealing(tenant_id: UUID, use: str) -> None:
    """The next signature of this use is made by a new key. Call it inside `one_writer`."""
    _sealing_path(tenant_id, use).unlink(missing_ok=True)


def mac(tenant_id: UUID, body: bytes) -> bytes:
    """The ingest seal of an event: it closes the window between commit and checkpoint."""
    return hmac.digest(_tenant_ingest_key(settings.INTERLOCK_DATA_DIR, tenant_id), body, "sha256")


def load(path: Path) -> Signer:
    """The signer over an Ed25519 key in PEM (PKCS #8)."""
    key = load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise TypeError(f"{path.name} does not hold an Ed25519 key")
    return LocalSigner(key)


def write_private(path: Path, content: bytes) -> None:
    """Replace a file in one step, durable before it is visible; mode 0600."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


@lru_cache(maxsize=1024)
def _tenant_ingest_key(_data_folder: Path, tenant_id: UUID) -> bytes:
    return hmac.digest(_ingest_key(), b"evb.ingest.v1\0" + tenant_id.bytes, "sha256")


def _ingest_key() -> bytes:
    """Made on first use, never replaced."""
    path = folder() / "ingest"
    if not path.exists():
        with one_writer():
            if not path.exists():
                write_private(path, secrets.token_bytes(32))
    return path.read_bytes()


def _sealing_path(tenant_id: UUID, use: str) -> Path:
    return folder() / "sealing" / str(tenant_id) / f"{use}.pem"


def _pem(key: Ed25519PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
