"""Many hands at the same dead letters: each becomes one new run."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from django.db import transaction

from tenants import scope
from tests import ground
from tests.integration.workflows.conftest import script, unruled  # noqa: F401 - fixtures
from tests.integration.workflows.test_redriving import given_up, outcome, planned  # noqa: F401 - fixture
from tests.races.threads import at_once
from workflows import letters, redriving
from workflows.errors import DeadLetterClosed
from workflows.models import DeadLetter, Run

pytestmark = pytest.mark.races

WORKER = """
import time, django
django.setup()
from workflows import redriving
while True:
    redriving.work_off()
    time.sleep(0.02)
"""


@pytest.fixture
def committed(committed_db: str, script: SimpleNamespace) -> SimpleNamespace:  # noqa: F811
    return script


def new_runs() -> list[object]:
    with transaction.atomic():
        return list(Run.objects.exclude(redrive_of=None).values_list("redrive_of", flat=True))


def here(made: SimpleNamespace, work: Callable[[], object]) -> Callable[[], object]:
    def run() -> object:
        with scope.enter(made.floor.side.tenant.id):
            return work()

    return run


def test_one_letter_redriven_by_eight_people_is_one_run(committed, given_up):  # noqa: F811
    [letter] = given_up(1)

    def redrive() -> object:
        try:
            return letters.redrive(dead_letter_id=letter.pk, actor=committed.floor.dana).pk
        except DeadLetterClosed:
            return None

    made = at_once(here(committed, redrive), 8)
    assert len([run for run in made if run]) == 1
    assert new_runs() == [letter.run_id]


def test_two_redrives_of_the_same_letters_make_one_run_each(committed, given_up):  # noqa: F811
    chosen = given_up(3)
    jobs = [planned(committed, per_minute=6000) for _ in range(2)]
    at_once(redriving.work_off, 6)
    while any(outcome(job)["PENDING"] for job in jobs):
        redriving.work_off()
    assert sorted(new_runs()) == sorted(letter.run_id for letter in chosen)
    total = [outcome(job) for job in jobs]
    assert sum(counts["REDRIVEN"] for counts in total) == sum(counts["SKIPPED"] for counts in total) == 3


def test_a_redrive_goes_on_after_kill_9(committed, committed_db, given_up):  # noqa: F811
    chosen = given_up(6)
    job = planned(committed, per_minute=300)
    first = _worker(committed_db)
    try:
        _until(lambda: outcome(job)["REDRIVEN"] >= 2)
    finally:
        os.kill(first.pid, signal.SIGKILL)
        first.wait()
    assert outcome(job)["PENDING"] > 0
    second = _worker(committed_db)
    try:
        _until(lambda: outcome(job)["PENDING"] == 0)
    finally:
        second.kill()
        second.wait()
    assert sorted(new_runs()) == sorted(letter.run_id for letter in chosen)
    with transaction.atomic():
        assert not DeadLetter.objects.exclude(state="REDRIVEN").exists()


def _worker(database: str) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "INTERLOCK_DB_NAME": database}
    return subprocess.Popen([sys.executable, "-c", WORKER], cwd=ground.ROOT, env=environment, stdout=subprocess.DEVNULL)


def _until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.05)
