"""A worker is killed with SIGKILL while its write is under way: the run goes on elsewhere, the effect stays one."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import transaction

from controlplane.lib import clock
from tests import gateway_ground
from tests.ground import ROOT
from tests.integration.workflows.conftest import Floor, floor, running_stand_ins, unruled, vendors  # noqa: F401
from workflows.models import Run, WakeUp

pytestmark = pytest.mark.faults


@contextmanager
def cluster() -> Iterator[subprocess.Popen[bytes]]:
    """`manage.py qcluster` on the test's database; its whole process group dies at the end."""
    command = [sys.executable, str(ROOT / "manage.py"), "qcluster"]
    process = subprocess.Popen(command, cwd=ROOT, env=os.environ | {"INTERLOCK_WORKERS": "1"}, start_new_session=True)
    try:
        yield process
    finally:
        kill(process)


def kill(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)


def until(what: Callable[[], bool], seconds: float = 40.0) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def test_a_run_survives_its_worker_and_writes_once(committed_db: str, floor: Floor) -> None:  # noqa: F811
    trigger = floor.incident(short_description="VPN drops every few minutes")
    run = floor.start(trigger)
    with cluster() as worker:
        until(lambda: floor.seen(run).waits_for == "approval")
        floor.vendors.fault("hang_after", args={"seconds": 15}, method="PATCH", path=trigger["sys_id"])
        floor.vote(run)
        until(lambda: bool(gateway_ground.writes(floor.vendors)))
        kill(worker)
    assert floor.states(run)["write"] in {"RUNNING", "WAITING"}
    with clock.frozen(clock.now() + timedelta(minutes=2)):
        finish(floor, run)
    seen = floor.seen(run)
    assert seen.state == "SUCCEEDED", floor.story(run)
    assert len(gateway_ground.writes(floor.vendors)) == 1
    assert len(floor.vendors.ledger(kind="note_appended", origin="api")) == 1


def finish(floor: Floor, run: Run) -> None:  # noqa: F811
    """What the sweeper and another worker would do once the leases have run out."""
    for _ in range(10):
        floor.engine.wake(run.pk)
        if floor.seen(run).closed_at is not None:
            return
        floor.due(run)


def test_a_worker_takes_what_waits_in_the_queue_and_leaves_it_empty(committed_db: str, floor: Floor) -> None:  # noqa: F811
    runs = [floor.start(floor.incident(), key=f"k{n}") for n in range(3)]
    with cluster():
        until(lambda: all(floor.seen(run).waits_for == "approval" for run in runs))
        for run in runs:
            floor.vote(run)
        until(lambda: all(floor.seen(run).state == "SUCCEEDED" for run in runs))
        until(_queue_is_empty)
    assert len(gateway_ground.writes(floor.vendors)) == 3


def _queue_is_empty() -> bool:
    with transaction.atomic():
        return not WakeUp.objects.exists()
