"""PostgreSQL itself is struck while runs are in flight: a server of its own, because others use the one of the tests.

`python -m tests.faults.restarted immediate|fast` prints one JSON line with what is wrong. `immediate` is kill -9 of the
postmaster and of every backend at once, `fast` an operator's shutdown; both are followed by a start.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

os.environ["INTERLOCK_TEST_DATA"] = "restart"
os.environ["INTERLOCK_TEST_DURABLE"] = "1"

import django
import psycopg

from tests import ground

django.setup()

from controlplane import database  # noqa: E402
from tests.faults import arena  # noqa: E402
from tests.faults.cases import BACK, LATE, PATCH, WRITES, Case, Vendor  # noqa: E402
from tests.faults.judge import Judge  # noqa: E402
from tests.faults.runner import Runner, Trial  # noqa: E402

START = "from controlplane import database; from tests import ground; database.start_embedded(ground.LOCATOR)"
"""In a process of its own: this one remembers a server that it started as running."""

STRUCK_AFTER_S = 2.0
DOWN_S = 2.0
RECOVERY_S = 60.0
CASES = [Case(WRITES), Case(BACK), Case(WRITES, vendor=(Vendor("slow", args=LATE, **PATCH),))] * 3


def main(how: str) -> None:
    with arena.opened(f"restarted_{os.getpid()}", _unblocked) as place:
        arena.populate(place)
        runner = Runner(place)
        runner.warm_up()
        trials = runner.run(CASES, _struck(how))
        judge = Judge(place, slowness=100.0)
        wrong = {f"{trial.case.name} {trial.run_id}": judge.reached(trial) + judge.verdict(trial) for trial in trials}
        said = place.processes.said() if any(wrong.values()) else ""
        sys.stdout.write(json.dumps({"runs": len(trials), "wrong": wrong, "said": said}) + "\n")


class _struck:  # noqa: N801 - a function with a memory
    """Once, when the runs are on their way."""

    def __init__(self, how: str) -> None:
        self.how, self.at, self.done = how, time.monotonic() + STRUCK_AFTER_S, False

    def __call__(self, _: list[Trial]) -> None:
        if self.done or time.monotonic() < self.at:
            return
        self.done = True
        from django.db import connections

        connections.close_all()
        {"immediate": _kill, "fast": lambda: database.stop_embedded(ground.LOCATOR)}[self.how]()
        time.sleep(DOWN_S)
        subprocess.run([sys.executable, "-c", START], check=True, timeout=60)
        _recovered()


def _recovered() -> None:
    """A server that was killed reads its log first."""
    until = time.monotonic() + RECOVERY_S
    while True:
        try:
            psycopg.connect(ground.LOCATOR.server().admin_dsn("postgres")).close()
        except psycopg.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
        else:
            return


def _kill() -> None:
    """SIGKILL to the postmaster and all its children, as when the machine loses its memory."""
    postmaster = int((ground.LOCATOR.embedded_folder / "postmaster.pid").read_text().split()[0])
    children = open(f"/proc/{postmaster}/task/{postmaster}/children").read().split()  # noqa: SIM115
    for pid in (postmaster, *map(int, children)):
        os.kill(pid, signal.SIGKILL)
    (ground.LOCATOR.embedded_folder / "postmaster.pid").unlink(missing_ok=True)


@contextmanager
def _unblocked() -> Iterator[None]:
    yield


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    finally:
        database.stop_embedded(ground.LOCATOR)
