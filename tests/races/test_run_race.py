"""Many workers and many starters at one run: one of them moves it."""

import threading
import time
from types import SimpleNamespace

import pytest
from django.db import connections, transaction

from approvals.types import State
from controlplane.lib.ids import uuid7
from tenants import scope
from tests.integration.workflows.conftest import script, unruled  # noqa: F401 - fixtures
from tests.integration.workflows.double import DONE, at
from tests.races.threads import at_once
from workflows import services
from workflows.models import Run, Step

pytestmark = pytest.mark.races


@pytest.fixture
def committed(committed_db: str, script: SimpleNamespace) -> SimpleNamespace:  # noqa: F811
    return script


def _here(made, work):
    def run():
        with scope.enter(made.floor.side.tenant.id):
            return work()

    return run


def test_eight_workers_at_one_run_make_every_call_once(committed):
    run = committed.start()
    moved = at_once(_here(committed, lambda: committed.floor.engine.wake(run.pk)), 8)
    assert committed.floor.seen(run).state == "SUCCEEDED"
    assert moved.count(True) == 1
    advanced = [step for verb, step in committed.door.made if verb == "advance"]
    assert sorted(advanced) == ["one", "read", "three", "two"]


def test_a_worker_that_slept_past_its_lease_changes_nothing(committed):
    """The second worker takes over while the first is still inside its call; the fence stops the first."""
    run, engine = committed.start(), committed.floor.engine

    class Sleepy(type(committed.door)):
        def advance(self, *, call_id, actor):
            if self.step_of[call_id] == "one" and not self.undo.get("slept"):
                self.undo["slept"] = [True]
                with transaction.atomic():
                    Run.objects.filter(pk=run.pk).update(lease_until="2020-01-01T00:00:00Z")
                assert engine.wake(run.pk)
                return super().advance(call_id=call_id, actor=actor)
            return super().advance(call_id=call_id, actor=actor)

    committed.door.__class__ = Sleepy
    engine.wake(run.pk)
    seen = committed.floor.seen(run)
    assert (seen.state, seen.effects, seen.fence) == ("SUCCEEDED", 3, 2)
    with transaction.atomic():
        assert list(Step.objects.filter(run=run).values_list("effect", flat=True)) == [None, 1, 2, 3]


@pytest.mark.parametrize("delay_ms", [0, 2, 5, 10, 20])
def test_a_decision_at_any_moment_of_a_wake_up_is_not_lost(committed, delay_ms):
    run, request_id = committed.start(), uuid7()
    committed.door.script["one"] = [at("WAITING_APPROVAL", request_id=request_id), DONE]
    start = threading.Barrier(2)

    def work():
        start.wait()
        committed.floor.engine.wake(run.pk)

    def decide():
        start.wait()
        time.sleep(delay_ms / 1000)
        while ("advance", "one") not in committed.door.made:
            time.sleep(0.001)
        with transaction.atomic():
            services.approval_decided(run_id=run.pk, call_id=uuid7(), request_id=request_id, state=State.APPROVED)

    threads = [threading.Thread(target=_closing(_here(committed, job)), daemon=True) for job in (work, decide)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    committed.floor.engine.wake(run.pk)  # the wake-up that the decision put into the queue
    assert committed.floor.seen(run).state == "SUCCEEDED"


def _closing(work):
    def run():
        try:
            work()
        finally:
            connections.close_all()

    return run


def test_ten_events_about_one_ticket_start_one_run(committed):
    keys = iter(range(100))
    lock = threading.Lock()

    def start():
        with lock:
            key = f"event-{next(keys)}"
        return committed.start(key=key).pk

    started = at_once(_here(committed, start), 10)
    assert len(set(started)) == 1
    with transaction.atomic():
        assert Run.objects.count() == 1
        assert Step.objects.count() == 4
