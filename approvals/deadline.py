"""Deadlines that stand still while the kill switch is engaged. Pure."""

from collections.abc import Iterable
from datetime import datetime

Period = tuple[datetime, datetime | None]
"""From when to when a halt held; None: it still holds."""


def extended(expires_at: datetime, opened_at: datetime, halts: Iterable[Period], now: datetime) -> datetime:
    """The deadline as of now: later by the time that any halt overlapped the wait.

    A halt that began after the deadline had passed does not bring it back. While a halt holds, the deadline
    stays as far from `now` as it was when the halt began.
    """
    deadline, covered_until = expires_at, opened_at
    for start, end in sorted(((s, e or now) for s, e in halts), key=lambda period: period[0]):
        start, end = max(start, covered_until), min(end, now)
        if start >= deadline:
            break
        if end > start:
            deadline += end - start
            covered_until = end
    return deadline
