"""Envelope encryption: content under the tenant's data key, the data key under the key-encryption key."""

import secrets
from collections.abc import Collection
from functools import lru_cache
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.db import transaction

from controlplane.lib import clock
from tenants import keys, quick, scope
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
    return _by_id.get((scope.current(), key_id)) or get_many([key_id])[key_id]


def get_many(key_ids: Collection[UUID]) -> dict[UUID, DataKey]:
    """Data keys by their ids; those that are not known yet are read in one statement. Raises DoesNotExist."""
    tenant_id = scope.current()
    known = {key_id: row for key_id in set(key_ids) if (row := _by_id.get((tenant_id, key_id)))}
    unknown = sorted(set(key_ids) - set(known))
    return known | _read(tenant_id, unknown) if unknown else known


def _read(tenant_id: UUID, key_ids: list[UUID]) -> dict[UUID, DataKey]:
    found = {row.pk: row for row in quick.find(DataKey, id=key_ids)}
    if len(found) < len(key_ids):
        raise DataKey.DoesNotExist
    transaction.on_commit(lambda: _by_id.update({(tenant_id, key_id): row for key_id, row in found.items()}))
    return found


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
