"""Keys that can be destroyed: one per run (or per log for what belongs to no run), wrapped by the tenant's data key."""

import secrets
from collections.abc import Sequence
from uuid import UUID

from evidence.models import ShredKey
from tenants import datakeys, quick

KEY_SIZE = 32


def find(subject_id: UUID) -> bytes | None:
    """The shred key of a subject; None when it was destroyed or never made."""
    return find_many([subject_id]).get(subject_id)


def find_many(subjects: Sequence[UUID]) -> dict[UUID, bytes]:
    """The shred keys that there are, by subject. Read each time: a destroyed key must not live on in a process."""
    rows = quick.find(ShredKey, subject_id=list(subjects))
    return {
        row.subject_id: datakeys.decrypt(datakeys.get(row.data_key_id), bytes(row.wrapped), _context(row.subject_id))
        for row in rows
    }


def destroy(subject_id: UUID) -> bool:
    """Make every commitment of the subject unopenable; True when there was a key."""
    return bool(ShredKey.objects.filter(subject_id=subject_id).delete()[0])


def create(subject_id: UUID) -> bytes:
    """The first key of a subject. Two writers may race for the first key of a log: one row wins, both read it back."""
    _, row = fresh(subject_id)
    ShredKey.objects.bulk_create([row], ignore_conflicts=True)
    key = find(subject_id)
    if key is None:
        raise LookupError(f"the shred key of {subject_id} vanished while it was made")
    return key


def fresh(subject_id: UUID) -> tuple[bytes, ShredKey]:
    """A new key and its row, not saved: for a subject whose writers take turns, as those of a run do."""
    key = secrets.token_bytes(KEY_SIZE)
    data_key, wrapped = datakeys.encrypt(key, _context(subject_id))
    return key, ShredKey(subject_id=subject_id, data_key_id=data_key.id, wrapped=wrapped)


def _context(subject_id: UUID) -> str:
    return f"shred|{subject_id}"
