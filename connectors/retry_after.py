"""`Retry-After` as a number of seconds. Pure.

Source: RFC 9110 §10.2.3, seconds or an HTTP date (§5.6.7, the obsolete forms included).
"""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

CEILING_S = 3600.0
"""Nobody makes us wait longer than this; what is still refused then says so again."""

SPREAD = 0.1
MOST_SPREAD_S = 30.0


def seconds(value: str, *, now: datetime) -> float | None:
    """Seconds from `now`, between 0 and the ceiling; None for anything that is neither form."""
    text = value.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:10]), CEILING_S)
    at = _date(text)
    return None if at is None else min(max((at - now).total_seconds(), 0.0), CEILING_S)


def pause_s(asked_s: float | None, *, jitter: float) -> float:
    """How long a failed call rests at least: what the target asked for and a little more, else up to a second.

    `jitter` is uniform in [0, 1): everybody was told the same time, and must not come back in the same moment.
    The growing back-off between the tries of a step is the engine's; the later of the two counts.
    """
    if asked_s is None:
        return jitter
    asked = min(max(asked_s, 0.0), CEILING_S)
    return asked + jitter * min(asked * SPREAD, MOST_SPREAD_S)


def _date(text: str) -> datetime | None:
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, IndexError, OverflowError):
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
