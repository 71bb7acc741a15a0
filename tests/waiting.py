"""Waiting for a condition, generously: machines that run tests are slow."""

import time
from collections.abc import Callable
from typing import Any

from controlplane.lib import clock

LONGEST_S = 60.0


def until(condition: Callable[[], Any], what: str = "the condition") -> Any:
    """What the condition answers as soon as that is true; fails when it never is."""
    deadline = clock.monotonic() + LONGEST_S
    while not (found := condition()):
        assert clock.monotonic() < deadline, f"{what} never held"
        time.sleep(0.02)
    return found
