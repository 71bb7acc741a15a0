"""Workers with threads at one queue: nobody waits for a slow call, no run is moved twice, who leaves gives back."""

import threading
import time
from types import SimpleNamespace

import pytest
from django.db import connections, transaction

from tenants import scope
from tests.integration.workflows.conftest import script, unruled  # noqa: F401 - fixtures
from workflows.engine.crew import Crew
from workflows.models import Run

pytestmark = pytest.mark.races


@pytest.fixture
def committed(committed_db: str, script: SimpleNamespace):  # noqa: F811
    scope._tenant.set(None)  # workers come without a tenant and enter those of the runs they take
    return script


class Held:
    """A gateway whose calls of one run hang until they are let go."""

    def __init__(self, door, run_id):
        self._door, self._run_id = door, run_id
        self.inside, self.go = threading.Event(), threading.Event()

    def __getattr__(self, name):
        return getattr(self._door, name)

    def propose(self, *, spec, actor):
        if spec.run_id == self._run_id:
            self.inside.set()
            assert self.go.wait(20)
        return self._door.propose(spec=spec, actor=actor)


def started(committed, count):
    with scope.enter(committed.floor.side.tenant.id):
        return [committed.start(key=f"k{n}", sys_id=f"{n:032x}").pk for n in range(count)]


def states(committed):
    with scope.enter(committed.floor.side.tenant.id), transaction.atomic():
        return dict(Run.objects.values_list("pk", "state"))


def until(condition, seconds=20.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.02)


def crew_of(committed, door=None, threads=4):
    engine = type(committed.floor.engine)(door or committed.door, committed.floor.engine.decide)
    return Crew(engine, threads=threads)


def test_a_call_that_hangs_holds_up_no_other_run(committed):
    first, *others = started(committed, 6)
    door = Held(committed.door, first)
    crew = crew_of(committed, door)
    crew.work()
    assert door.inside.wait(10)
    until(lambda: all(states(committed)[pk] == "SUCCEEDED" for pk in others))
    assert states(committed)[first] == "RUNNING"
    door.go.set()
    until(lambda: states(committed)[first] == "SUCCEEDED")
    crew.leave()


def test_two_workers_move_each_run_once(committed):
    ids = started(committed, 12)
    crews = [crew_of(committed), crew_of(committed)]
    threads = [threading.Thread(target=_work, args=(crew,), daemon=True) for crew in crews]
    for thread in threads:
        thread.start()
    until(lambda: set(states(committed).values()) == {"SUCCEEDED"})
    for crew, thread in zip(crews, threads, strict=True):
        thread.join(10)
        crew.leave()
    assert len(committed.door.made) == len(ids) * 8  # each of four steps is proposed and advanced, once
    with scope.enter(committed.floor.side.tenant.id), transaction.atomic():
        assert set(Run.objects.values_list("fence", flat=True)) == {1}


def test_a_worker_that_leaves_gives_its_runs_back(committed):
    (run_id,) = started(committed, 1)
    door = Held(committed.door, run_id)
    crew = crew_of(committed, door)
    crew.work()
    assert door.inside.wait(10)
    crew.stop()
    door.go.set()
    crew.leave()
    with scope.enter(committed.floor.side.tenant.id), transaction.atomic():
        run = Run.objects.get(pk=run_id)
        assert (run.state, run.lease_until) == ("RUNNING", None)
        assert run.ready_at is not None
    again = crew_of(committed)
    again.work()
    until(lambda: states(committed)[run_id] == "SUCCEEDED")
    again.leave()
    assert committed.door.made.count(("advance", "read")) == 1


def test_a_worker_without_a_free_thread_takes_nothing(committed):
    first, second = started(committed, 2)
    door = Held(committed.door, first)
    crew = crew_of(committed, door, threads=1)
    crew.wave = 1
    crew.work()
    assert door.inside.wait(10)
    crew.work()
    assert states(committed)[second] == "QUEUED"
    door.go.set()
    until(lambda: states(committed)[first] == "SUCCEEDED")
    until(lambda: crew._room() > 0)
    crew.work()
    until(lambda: states(committed)[second] == "SUCCEEDED")
    crew.leave()


def test_the_lease_of_a_run_inside_a_call_is_renewed(committed, settings):
    settings.INTERLOCK_RUN_LEASE_S = 2
    (run_id,) = started(committed, 1)
    door = Held(committed.door, run_id)
    crew = crew_of(committed, door)
    crew.work()
    assert door.inside.wait(10)
    before = _lease(committed, run_id)
    until(lambda: _lease(committed, run_id) > before, 10)
    door.go.set()
    until(lambda: states(committed)[run_id] == "SUCCEEDED")
    crew.leave()


def _lease(committed, run_id):
    with scope.enter(committed.floor.side.tenant.id), transaction.atomic():
        return Run.objects.get(pk=run_id).lease_until


def _work(crew):
    try:
        crew.work()
    finally:
        connections.close_all()
