"""The columns of an event beside its bytes: they follow from them, and whoever reads a row may rely on that."""

from typing import NamedTuple
from uuid import UUID

from evidence.verify import envelope, note
from evidence.verify.malformed import Malformed


class Columns(NamedTuple):
    """What a row says of its event. `seq` None: it belongs to no run."""

    id: UUID
    type: str
    origin: str
    run_id: UUID | None
    seq: int | None


def acted(body: bytes) -> bytes:
    """Who acted, as the database takes it from the bytes into a column of its own."""
    return body[16:52]


def agree(body: bytes, row: Columns) -> bool:
    """True when the bytes are one event in the strict profile and say what the columns say."""
    try:
        told = envelope.parse_event(body)
    except Malformed:
        return False
    run = (str(row.run_id), row.seq) if row.run_id else ("", 0)
    same = (told.id, told.type, told.run, told.seq) == (str(row.id), row.type, *run)
    return same and note.continues(told.origin, row.origin)
