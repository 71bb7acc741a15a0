"""Nobody sleeps through the deadline of a write and lives: real processes, really stopped."""

import subprocess
import sys
from signal import SIGKILL

import pytest

from tests import ground

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="timer_create(2)")

PROCESS = """
import os, signal, sys, time
from connectors import stalls
stalls.STALL_S = 0.3
asleep, length = sys.argv[1] == "asleep", float(sys.argv[2])
try:
    with stalls.ended_after(time.monotonic() + length), stalls.ended_after(time.monotonic() + 60):
        print("under way", flush=True)
        if asleep:
            os.kill(os.getpid(), signal.SIGSTOP)
            time.sleep(30)  # the stop may come to this thread a little later
        raise ValueError
except ValueError:
    time.sleep(1)
    print("still here", flush=True)
"""


def _run(how: str, length: float) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", PROCESS, how, str(length)]
    return subprocess.run(command, cwd=ground.ROOT, capture_output=True, text=True, timeout=20, check=False)


@pytest.mark.parametrize("length", [0.2, 0.0, -5.0])
def test_who_sleeps_past_the_deadline_is_ended_without_being_woken(length: float) -> None:
    done = _run("asleep", length)
    assert (done.returncode, done.stdout) == (-SIGKILL, "under way\n"), done.stderr


def test_who_is_through_in_time_lives_on_also_after_an_error() -> None:
    done = _run("awake", 0.1)
    assert (done.returncode, done.stdout) == (0, "under way\nstill here\n"), done.stderr
