"""A run's events as lines, with idle stretches folded into one. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

IDLE = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Line:
    """One event; `idle` is how long nothing happened before it, when that was long."""

    seq: int
    at: datetime
    title: str
    summary: str
    who: str
    sealed: bool
    idle: timedelta | None


def lines(events: Sequence[Mapping[str, Any]]) -> list[Line]:
    """From `evidence.access.run_events`, in order."""
    waits = [None, *(_idle(before["at"], after["at"]) for before, after in pairwise(events))]
    return [_line(event, idle) for event, idle in zip(events, waits, strict=False)]


def _line(event: Mapping[str, Any], idle: timedelta | None) -> Line:
    return Line(
        seq=event["seq"],
        at=event["at"],
        title=event["title"],
        summary=event["summary"],
        who=event["actor"],
        sealed=event["leaf"] is not None,
        idle=idle,
    )


def _idle(before: datetime, after: datetime) -> timedelta | None:
    passed = after - before
    return passed if passed >= IDLE else None
