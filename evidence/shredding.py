"""Keys that can be destroyed: one per run (or per log for what belongs to no run), wrapped by the tenant's data key."""

import secrets
from uuid import UUID

from evidence.models import ShredKey
from tenants import datakeys
from tenants.models import DataKey

KEY_SIZE = 32


def key_for(subject_id: UUID) -> bytes:
    """The shred key of a subject, made on first use."""
    return find(subject_id) or _create(subject_id)


def find(subject_id: UUID) -> bytes | None:
    """The shred key of a subject; None when it was destroyed or never made."""
    row = ShredKey.objects.filter(subject_id=subject_id).first()
    if row is None:
        return None
    data_key = DataKey.objects.get(pk=row.data_key_id)
    return datakeys.decrypt(data_key, bytes(row.wrapped), _context(subject_id))


def destroy(subject_id: UUID) -> bool:
    """Make every commitment of the subject unopenable; True when there was a key."""
    return bool(ShredKey.objects.filter(subject_id=subject_id).delete()[0])


def _create(subject_id: UUID) -> bytes:
    """Two writers may race for the first key of a log: one row wins, both read it back."""
    data_key, wrapped = datakeys.encrypt(secrets.token_bytes(KEY_SIZE), _context(subject_id))
    row = ShredKey(subject_id=subject_id, data_key_id=data_key.id, wrapped=wrapped)
    ShredKey.objects.bulk_create([row], ignore_conflicts=True)
    key = find(subject_id)
    if key is None:
        raise LookupError(f"the shred key of {subject_id} vanished while it was made")
    return key


def _context(subject_id: UUID) -> str:
    return f"shred|{subject_id}"
