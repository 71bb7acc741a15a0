"""The one source of time. Nothing else in the project reads the wall clock.

Leases, deadlines and settle times are compared between processes, so all of them go by one clock, that of the
database: `agree` is told it with every new connection. From then on time is counted on a clock that never steps, so
a wall clock that is set wrong, or set right, in the middle of work moves nothing.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta

from controlplane.lib.logs import get_logger

log = get_logger(__name__)

TOLERANCE_NS = 1_000_000_000
"""Two clocks that differ by less agree: the way to the database takes time too."""

_STEADY: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_frozen: ContextVar[datetime | None] = ContextVar("frozen_clock", default=None)
_booted_at_ns: int | None = None


def now() -> datetime:
    """Aware UTC time, microsecond resolution."""
    return _frozen.get() or _EPOCH + timedelta(microseconds=_agreed_ns() // 1000)


def now_ms() -> int:
    """Milliseconds since the Unix epoch."""
    return now_ns() // 1_000_000


def now_ns() -> int:
    """Nanoseconds since the Unix epoch."""
    frozen = _frozen.get()
    if frozen is None:
        return _agreed_ns()
    return (frozen - _EPOCH) // timedelta(microseconds=1) * 1000


def agree(told_ns: int) -> None:
    """Go by this clock, in nanoseconds since the Unix epoch, from now on."""
    global _booted_at_ns
    off_ns = _agreed_ns() - told_ns
    if abs(off_ns) > TOLERANCE_NS:
        log.warning("the clock of this process is %.1f s off that of the database, which counts", off_ns / 1e9)
        _booted_at_ns = told_ns - _uptime_ns()
    elif _booted_at_ns is None:
        _booted_at_ns = told_ns + off_ns - _uptime_ns()


def _agreed_ns() -> int:
    return _wall_ns() if _booted_at_ns is None else _booted_at_ns + _uptime_ns()


def _wall_ns() -> int:
    return time.time_ns()


def _uptime_ns() -> int:
    """Never steps, and counts while the machine is suspended."""
    return time.clock_gettime_ns(_STEADY)


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
