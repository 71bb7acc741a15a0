"""Keys that can be destroyed: one per run (or per event that belongs to no run), wrapped by the tenant's data key."""

import secrets
from collections.abc import Sequence
from uuid import UUID

from evidence.models import ShredKey
from tenants import datakeys, quick
from tenants.rekeying import Encrypted

KEY_SIZE = 32


def find(subject_id: UUID) -> bytes | None:
    """The shred key of a subject; None when it was destroyed or never made."""
    return find_many([subject_id]).get(subject_id)


def find_many(subjects: Sequence[UUID]) -> dict[UUID, bytes]:
    """The shred keys that there are, by subject. Read each time: a destroyed key must not live on in a process."""
    rows = quick.find(ShredKey, subject_id=list(subjects))
    data_keys = datakeys.get_many({row.data_key_id for row in rows})
    return {
        row.subject_id: datakeys.decrypt(data_keys[row.data_key_id], bytes(row.wrapped), _context(row.subject_id))
        for row in rows
    }


def destroy(subject_id: UUID) -> bool:
    """Make every commitment of the subject unopenable; True when there was a key."""
    return bool(ShredKey.objects.filter(subject_id=subject_id).delete()[0])


def fresh(subject_id: UUID) -> tuple[bytes, ShredKey]:
    """A new key and its row, not saved. The writers of a run take turns; an event has one."""
    key = secrets.token_bytes(KEY_SIZE)
    data_key, wrapped = datakeys.encrypt(key, _context(subject_id))
    return key, ShredKey(subject_id=subject_id, data_key_id=data_key.id, wrapped=wrapped)


def _context(subject_id: UUID) -> str:
    return f"shred|{subject_id}"


ENCRYPTED = Encrypted(ShredKey, "data_key_id", "wrapped", lambda row: _context(row.subject_id))
