"""Envelope encryption: content under the tenant's data key, the data key under the key-encryption key."""

import secrets
from functools import lru_cache, partial
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.db import transaction

from controlplane.lib import clock
from tenants import keys, scope
from tenants.models import DataKey

LOOK_AGAIN_S = 60.0
"""So long a process may go on with a key that another one has put a newer one beside."""

_committed: dict[UUID, tuple[DataKey, float]] = {}
"""The key that encrypts for a tenant, once a transaction that saw it has committed, and since when: a row that was
rolled back must not be referred to."""


_by_id: dict[tuple[UUID, UUID], DataKey] = {}


def encrypt(content: bytes, context: str) -> tuple[DataKey, bytes]:
    """Encrypt for the current tenant under its data key (made on first use)."""
    row = _known() or _look_up()
    return row, keys.seal(_aead(row), content, _context(context))


def get(key_id: UUID) -> DataKey:
    """A data key by its id. Rows of keys never change, so one that is committed is read once per process."""
    known = _by_id.get((scope.current(), key_id))
    if known is None:
        tenant_id, known = scope.current(), DataKey.objects.get(pk=key_id)
        transaction.on_commit(partial(_by_id.__setitem__, (tenant_id, key_id), known))
    return known


def decrypt(row: DataKey, ciphertext: bytes, context: str) -> bytes:
    return keys.unseal(_aead(row), ciphertext, _context(context))


def newest() -> DataKey | None:
    return DataKey.objects.order_by("-id").first()


def forget_known() -> None:
    """Keys that this process has read are read again."""
    _committed.clear()
    _by_id.clear()
    _unwrapped.cache_clear()


def _known() -> DataKey | None:
    row, since = _committed.get(scope.current(), (None, 0.0))
    return row if clock.monotonic() - since < LOOK_AGAIN_S else None


def _look_up() -> DataKey:
    tenant_id = scope.current()
    row = newest() or create()
    transaction.on_commit(lambda: _committed.__setitem__(tenant_id, (row, clock.monotonic())))
    return row


def create() -> DataKey:
    """A new key of the entered tenant: the newest one encrypts."""
    provider = keys.provider()
    wrapped = provider.wrap(secrets.token_bytes(32), str(scope.current()).encode())
    return DataKey.objects.create(wrapped=wrapped, kek_id=provider.kek_id)


def _aead(row: DataKey) -> AESGCM:
    return AESGCM(_unwrapped(row.tenant_id, row.kek_id, bytes(row.wrapped)))


@lru_cache(maxsize=512)
def _unwrapped(tenant_id: UUID, kek_id: str, wrapped: bytes) -> bytes:
    return keys.provider_of(kek_id).unwrap(wrapped, str(tenant_id).encode())


def _context(purpose: str) -> bytes:
    return f"{scope.current()}|{purpose}".encode()
