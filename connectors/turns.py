"""Whose turn it is, and when a digest is due. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo

T = TypeVar("T")

SATURDAY = 5


@dataclass(frozen=True, slots=True)
class Turn:
    """The place in the list of members, and until when it lasts."""

    place: int
    until: datetime


def turn(*, starts_at: datetime, turn_hours: int, members: int, now: datetime) -> Turn | None:
    """None before the rota starts, and when nobody is in it."""
    if not members or now < starts_at:
        return None
    length = timedelta(hours=turn_hours)
    number = (now - starts_at) // length
    return Turn(number % members, starts_at + (number + 1) * length)


def from_place(members: Sequence[T], place: int) -> list[T]:
    """Everybody once, beginning with whose turn it is."""
    return [*members[place:], *members[:place]]


def next_digest(*, hour: int, timezone: str, weekdays_only: bool, after: datetime) -> datetime:
    """The first such hour later than `after`. An hour that a change of clocks leaves out is the next that there is."""
    zone = ZoneInfo(timezone)
    day = after.astimezone(zone).replace(hour=hour, minute=0, second=0, microsecond=0, fold=0)
    while day <= after or (weekdays_only and day.weekday() >= SATURDAY):
        day = (day + timedelta(days=1)).replace(hour=hour)
    return day.astimezone(after.tzinfo)
