"""Faults that strike everything: the queue loses all, wake-ups come five times, clocks are wrong, disks are full."""

import os
import time
from collections.abc import Callable, Iterator

import pytest
from django.db import transaction

from tests.faults import arena
from tests.faults.arena import Arena
from tests.faults.cases import BACK, LATE, PATCH, UPDATE, WRITES, Case, Strike, Vendor
from tests.faults.judge import Judge
from tests.faults.orders import Deed
from tests.faults.runner import Runner, Trial
from workflows import wakeups

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]

STRUCK_S = 4.0
FORTH_AND_BACK = [Case(WRITES), Case(BACK)] * 3

FULL_DISK = """
CREATE FUNCTION disk_full() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$;
CREATE TRIGGER a_disk_full BEFORE INSERT ON evidence_event FOR EACH ROW
  WHEN (NEW.type = 'tool.call.intent') EXECUTE FUNCTION disk_full();
"""
ROOM_AGAIN = "DROP TRIGGER a_disk_full ON evidence_event; DROP FUNCTION disk_full();"


@pytest.fixture(scope="module")
def place(django_db_blocker: object) -> Iterator[Arena]:
    with arena.opened(f"single_{os.getpid()}", django_db_blocker.unblock) as place:
        arena.populate(place)
        yield place


@pytest.fixture(scope="module")
def runner(place: Arena) -> Runner:
    runner = Runner(place)
    runner.warm_up()
    return runner


def _judged(runner: Runner, trials: list[Trial], *, patience: bool = True) -> None:
    judge = Judge(runner.arena, slowness=runner.slowness if patience else 100.0)
    wrong = {f"{trial.case.name} {trial.run_id}": judge.reached(trial) + judge.verdict(trial) for trial in trials}
    runner.trials.clear()
    assert not any(wrong.values()), f"{wrong}\n{[trial.story for trial in trials]}\n{runner.arena.processes.said()}"


def _for_a_while(deed: Callable[[list[Trial]], None]) -> Callable[[list[Trial]], None]:
    until = time.monotonic() + STRUCK_S

    def struck(going: list[Trial]) -> None:
        if time.monotonic() < until:
            deed(going)

    return struck


def test_a_queue_that_loses_everything_loses_no_run(place: Arena, runner: Runner) -> None:
    emptied = _for_a_while(lambda _: arena.superuser(place, "DELETE FROM workflows_wakeup"))
    _judged(runner, list(runner.run(FORTH_AND_BACK, emptied)))


def test_wake_ups_that_come_five_times_and_late_do_nothing_twice(runner: Runner) -> None:
    def again(going: list[Trial]) -> None:
        for trial in going * 5:
            with transaction.atomic():
                wakeups.wake(trial.run_id)

    trials = list(runner.run(FORTH_AND_BACK, _for_a_while(again)))
    with transaction.atomic():
        assert not any(wakeups.wake(trial.run_id) for trial in trials), "what is over is nobody's to wake"
    for _ in range(5):
        wakeups.ring()
    time.sleep(1.0)
    _judged(runner, trials)


def test_without_room_for_the_evidence_nothing_is_sent(place: Arena, runner: Runner) -> None:
    arena.superuser(place, FULL_DISK)
    full = {"until": time.monotonic() + STRUCK_S}
    before = len(place.vendors.log())

    def disk(_: list[Trial]) -> None:
        if full and time.monotonic() > full["until"]:
            assert len(place.vendors.log()) == before, "something left without its intent on record"
            arena.superuser(place, ROOM_AGAIN)
            full.clear()

    trials = list(runner.run(FORTH_AND_BACK, disk))
    assert not full
    _judged(runner, trials)


def test_workers_that_are_recycled_all_the_time_lose_nothing(place: Arena, runner: Runner) -> None:
    _instead_of_both(place, {"recycled": {"FAULT_RECYCLE": "1"}})
    _judged(runner, list(runner.run(FORTH_AND_BACK)))
    _as_before(place, "recycled")


@pytest.mark.parametrize("step_s", [3600, -3600], ids=["ahead", "behind"])
def test_a_worker_whose_clock_is_an_hour_wrong_does_nothing_twice(place: Arena, runner: Runner, step_s: int) -> None:
    """Beside one whose clock is right, while vendors are late and workers die."""
    late = Vendor("slow", args=LATE, **PATCH)
    dies = Strike("wire.before_first_byte", Deed.STOP, {"tool": UPDATE}, skip=1)
    _instead_of_both(place, {"right": {}, "wrong": {"FAULT_CLOCK_STEP_S": str(step_s)}})
    cases = [*FORTH_AND_BACK, *[Case(WRITES, vendor=(late,))] * 3, *[Case(WRITES, (dies,))] * 2]
    _judged(runner, list(runner.run(cases)), patience=False)
    _as_before(place, "right", "wrong")


def _instead_of_both(place: Arena, clusters: dict[str, dict[str, str]]) -> None:
    for name in ("cluster1", "cluster2"):
        place.processes.end(name)
    for name, environment in clusters.items():
        place.processes.start(name, "cluster", **environment)


def _as_before(place: Arena, *others: str) -> None:
    for name in others:
        place.processes.end(name)
    for name in ("cluster1", "cluster2"):
        place.processes.start(name, "cluster")
