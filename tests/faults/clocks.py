"""A clock that is wrong: `FAULT_CLOCK_STEP_S` seconds off, in the process under test only."""

import os

VARIABLE = "FAULT_CLOCK_STEP_S"


def install() -> None:
    """Step the wall clock of this process; the monotonic one never steps."""
    step = int(os.environ.get(VARIABLE, "0"))
    if not step:
        return
    from controlplane.lib import clock

    wall_ns = clock._wall_ns
    clock._wall_ns = lambda: wall_ns() + step * 1_000_000_000
