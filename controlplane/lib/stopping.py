"""How a process that serves for ever is told to end."""

import signal
import threading


def stop_signal() -> threading.Event:
    """Set by SIGTERM or SIGINT from now on. Call it in the main thread."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop
