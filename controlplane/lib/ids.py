"""Identifiers: UUID version 7 (RFC 9562 §5.7), so that primary keys sort by time of creation."""

import secrets
from datetime import datetime
from uuid import UUID

from controlplane.lib import clock

_VERSION_7 = 0x7 << 76
_VARIANT = 0b10 << 62


def uuid7() -> UUID:
    """48 bits of milliseconds, 74 random bits."""
    milliseconds = clock.now_ms() & ((1 << 48) - 1)
    random_a = secrets.randbits(12)
    random_b = secrets.randbits(62)
    return UUID(int=(milliseconds << 80) | _VERSION_7 | (random_a << 64) | _VARIANT | random_b)


def from_time(at: datetime) -> UUID:
    """The lowest id of that millisecond: `id >= from_time(t)` is what was made since, by the primary key."""
    return UUID(int=(round(at.timestamp() * 1000) << 80) | _VERSION_7 | _VARIANT)
