"""Verbs against each other and against the workers that move the run."""

import threading
from types import SimpleNamespace

import pytest
from django.db import connections, transaction

from approvals.types import State
from controlplane.lib.errors import DomainError
from controlplane.lib.ids import uuid7
from tenants import scope
from tests.integration.workflows.conftest import family, flow, script, unruled  # noqa: F401 - fixtures
from tests.integration.workflows.double import DONE, at
from workflows import services
from workflows.models import Run, Step

pytestmark = pytest.mark.races
ROUNDS = range(3)


@pytest.fixture
def house(committed_db: str, family: SimpleNamespace) -> SimpleNamespace:  # noqa: F811
    return family


def together(house, *jobs):
    """Run the jobs at once; what each raised, or None."""
    barrier, raised = threading.Barrier(len(jobs)), [None] * len(jobs)

    def run(place, job):
        with scope.enter(house.floor.side.tenant.id):
            barrier.wait()
            try:
                job()
            except DomainError as error:
                raised[place] = error.code
            finally:
                connections.close_all()

    threads = [threading.Thread(target=run, args=each, daemon=True) for each in enumerate(jobs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    return raised


def wake(house, run):
    return lambda: house.floor.engine.wake(run.pk)


def cancel(house, run):
    return lambda: services.cancel(run_id=run.pk, reason="race", actor=house.floor.dana)


def pause(house, run):
    return lambda: services.pause(run_id=run.pk, reason="race", actor=house.floor.dana)


def counted(house, verb):
    return sorted(step for made, step in house.door.made if made == verb)


def is_lawful(house, run):
    """What was done stands in a run that succeeded, and is undone in one that turned back."""
    done, undone = set(counted(house, "advance")), counted(house, "compensate")
    if run.state == "SUCCEEDED":
        return undone == []
    return run.state in {"ROLLED_BACK", "CANCELLED"} and sorted(done) == undone


@pytest.mark.parametrize("_", ROUNDS)
def test_a_pause_against_a_claim_holds_the_run_or_finds_it_over(house, _):
    run = house.start()
    together(house, wake(house, run), pause(house, run))
    seen = house.drive(run)
    assert (seen.state, seen.waits_for) in {("WAITING", "pause"), ("SUCCEEDED", "")}
    if seen.paused_at:
        services.resume(run_id=run.pk, actor=house.floor.dana)
        assert house.drive(run).state == "SUCCEEDED"
    assert counted(house, "advance") == ["first", "last", "post1", "post2"]


@pytest.mark.parametrize("_", ROUNDS)
def test_a_cancel_against_a_settle_leaves_nothing_half_done(house, _):
    run = house.start()
    together(house, wake(house, run), cancel(house, run))
    seen = house.drive(run)
    assert is_lawful(house, seen), (seen.state, house.door.made)


@pytest.mark.parametrize("_", ROUNDS)
def test_an_approval_against_a_cancel_is_used_or_not_but_never_lost(house, _):
    request_id = uuid7()
    house.door.script["last"] = [at("WAITING_APPROVAL", request_id=request_id), DONE]
    run = house.drive(house.start())
    assert run.waits_for == "approval"

    def approve():
        with transaction.atomic():
            services.approval_decided(run_id=run.pk, call_id=uuid7(), request_id=request_id, state=State.APPROVED)

    with transaction.atomic():
        Step.objects.filter(run=run).update(request_id=None)  # no such request to void on the way back
        Step.objects.filter(run=run, key="last").update(due_at=run.received_at)
    together(house, approve, cancel(house, run), wake(house, run))
    seen = house.drive(run)
    made = [step for verb, step in house.door.made if verb == "advance" and step == "last"]
    undone = counted(house, "compensate")
    assert seen.state in {"SUCCEEDED", "ROLLED_BACK"}
    if seen.state == "ROLLED_BACK":
        landed = {"first", "post1", "post2"} | ({"last"} if len(made) == 2 else set())
        assert set(undone) == landed


@pytest.mark.parametrize("_", ROUNDS)
def test_a_cancel_of_the_parent_against_the_end_of_its_sub_run_leaves_no_orphan(house, _):
    house.door.script["post2"] = [at("WAITING_APPROVAL"), DONE]
    run = house.drive(house.start())
    (child,) = house.children(run)
    with transaction.atomic():
        Step.objects.filter(run=child, key="post2").update(due_at=run.received_at)
    together(house, cancel(house, run), wake(house, child), wake(house, run))
    seen = house.drive(run)
    assert (seen.state, house.children(run)[0].state) == ("ROLLED_BACK", "ROLLED_BACK")
    assert len(house.children(run)) == 1


def test_many_second_attempts_at_once_are_one(house):
    house.door.script["last"] = [at("FAILED_PERMANENT", "gone")]
    run = house.drive(house.start())
    assert run.state == "ROLLED_BACK"

    def again():
        services.retry_from(run_id=run.pk, step="last", actor=house.floor.dana)

    raised = together(house, *[again] * 6)
    assert sorted(map(str, raised)) == ["None", *["already_retried"] * 5]
    with transaction.atomic():
        assert Run.objects.filter(redrive_of=run.pk).count() == 1


def test_many_pauses_at_once_are_one(house):
    run = house.start()
    assert together(house, *[pause(house, run)] * 6) == [None] * 6
    assert house.events(run).count("run.paused") == 1
