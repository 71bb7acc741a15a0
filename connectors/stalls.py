"""The kernel ends a process that has slept through the deadline of a write.

Whoever looks at the clock and then sends can be stopped in between (SIGSTOP, a starved machine, a paused container),
for longer than others wait before they send again. So a timer that nothing can hold up stands over each write: past
its deadline and a margin there is no process left that could still send. What was under way is then as after a kill:
unknown, and looked for. POSIX timers, timer_create(2); SIGKILL reaches a stopped process, too.
"""

import ctypes
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from connectors.errors import SendAborted
from controlplane.lib import clock

STALL_S = 2
"""Time for a process that is awake to notice that the deadline is over."""

_MONOTONIC = 1
_NOTIFY_BY_SIGNAL = 0


class _Event(ctypes.Structure):
    _fields_ = [
        ("value", ctypes.c_void_p),
        ("signal", ctypes.c_int),
        ("notify", ctypes.c_int),
        ("rest", ctypes.c_byte * 48),
    ]


class _Time(ctypes.Structure):
    _fields_ = [("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long)]


class _Setting(ctypes.Structure):
    _fields_ = [("interval", _Time), ("value", _Time)]


@contextmanager
def ended_after(deadline: float) -> Iterator[None]:
    """A block that no process survives beyond `deadline` (monotonic seconds) and the margin.

    Raises SendAborted when the kernel gives no timer. Only Linux has them: elsewhere the block stands alone.
    """
    if sys.platform != "linux":
        yield
        return
    timer = _armed(max(0.0, deadline - clock.monotonic()) + STALL_S)
    try:
        yield
    finally:
        _libc.timer_delete(timer)


def _armed(seconds: float) -> ctypes.c_void_p:
    timer = ctypes.c_void_p()
    event = _Event(signal=signal.SIGKILL, notify=_NOTIFY_BY_SIGNAL)
    if _libc.timer_create(_MONOTONIC, ctypes.byref(event), ctypes.byref(timer)):
        raise _refused()
    whole = int(seconds)
    setting = _Setting(value=_Time(whole, int((seconds - whole) * 1_000_000_000)))
    if _libc.timer_settime(timer, 0, ctypes.byref(setting), None):
        refused = _refused()
        _libc.timer_delete(timer)
        raise refused
    return timer


def _refused() -> SendAborted:
    return SendAborted("no_timer", f"the kernel gives no timer to stand over the write: errno {ctypes.get_errno()}")


_libc = ctypes.CDLL(None, use_errno=True)
