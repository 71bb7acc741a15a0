"""The one source of time. Nothing else in the project reads the wall clock."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta

_frozen: ContextVar[datetime | None] = ContextVar("frozen_clock", default=None)


def now() -> datetime:
    """Aware UTC time, microsecond resolution."""
    return _frozen.get() or datetime.now(UTC)


def now_ms() -> int:
    """Milliseconds since the Unix epoch."""
    return now_ns() // 1_000_000


def now_ns() -> int:
    """Nanoseconds since the Unix epoch."""
    frozen = _frozen.get()
    if frozen is None:
        return time.time_ns()
    return (frozen - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000


def monotonic() -> float:
    """Seconds on a clock that never steps; for send windows, leases and deadlines inside one process."""
    return time.monotonic()


@contextmanager
def frozen(at: datetime) -> Iterator[None]:
    """Stand the wall clock still at an aware time, for tests and replay."""
    token = _frozen.set(at.astimezone(UTC))
    try:
        yield
    finally:
        _frozen.reset(token)
