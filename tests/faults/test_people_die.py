"""Who starts a run or moves the kill switch is killed in the middle of it: all of it happened, or nothing."""

import os
import time
from collections.abc import Callable, Iterator

import pytest
from django.db import transaction

from controlplane.lib import ids
from tenants.models import Halt
from tests.faults import arena
from tests.faults.arena import Arena
from tests.faults.orders import ANYBODY, Deed, Order
from workflows.models import Run

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]

WAIT_S = 40.0
MOMENTS = ("before_commit", "after_commit")


@pytest.fixture(scope="module")
def place(django_db_blocker: object) -> Iterator[Arena]:
    """People and a sweeper; no worker is needed to see what was committed."""
    with arena.opened(f"people_{os.getpid()}", django_db_blocker.unblock) as place:
        place.processes.start("hands", "hands")
        place.processes.start("sweeper1", "sweeper")
        yield place


def _struck(place: Arena, point: str, act: Callable[[], None]) -> None:
    """Do it in a process that is killed at the point; the proof is there before the process is gone."""
    case = str(ids.uuid7())
    place.orders.give(Order(case, ANYBODY, point, Deed.KILL))
    act()
    _wait(lambda: place.orders.proof(case) is not None, place)
    time.sleep(0.3)


def _wait(condition: Callable[[], bool], place: Arena) -> None:
    until = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < until, place.processes.said()
        time.sleep(0.05)


def _halts() -> list[Halt]:
    with transaction.atomic():
        return list(Halt.objects.filter(released_at=None))


def _engage(place: Arena, workflow: str, mode: str = "freeze") -> None:
    place.hand("engage", place.side.alice, kind="workflow", value=workflow, mode=mode)


def _halt_of(place: Arena, workflow: str) -> Halt:
    _wait(lambda: any(halt.value == workflow for halt in _halts()), place)
    return next(halt for halt in _halts() if halt.value == workflow)


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_start_that_was_killed_is_started_once_by_the_next_try(place: Arena, moment: str) -> None:
    sys_id, key = place.vendors.incident(), f"killed-{moment}"
    trigger = {"sys_id": sys_id, "number": "INC0000001", "channel": arena.channel(1)}

    def start() -> None:
        environment_id = str(place.side.environment.id)
        place.hand(
            "start", place.side.alice, workflow="faults-writes", environment_id=environment_id, trigger=trigger, key=key
        )

    def runs() -> int:
        with transaction.atomic():
            return Run.objects.filter(ticket_id=sys_id).count()

    _struck(place, f"start.{moment}", start)
    assert runs() == int(moment == "after_commit")
    start()
    _wait(lambda: runs() > 0, place)
    time.sleep(1.0)
    assert runs() == 1


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_halt_is_engaged_with_its_commit_and_not_before(place: Arena, moment: str) -> None:
    name = f"engage-{moment}"
    _struck(place, f"engage.{moment}", lambda: _engage(place, name))
    assert any(halt.value == name for halt in _halts()) is (moment == "after_commit")


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_sweeper_that_dies_stopping_runs_is_followed_by_one_that_does(place: Arena, moment: str) -> None:
    name = f"stopped-{moment}"
    _struck(place, f"stop_covered.{moment}", lambda: _engage(place, name, "stop_and_undo"))
    _wait(lambda: _halt_of(place, name).confirmed_at is not None, place)


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_sweeper_that_dies_confirming_a_halt_is_followed_by_one_that_confirms(place: Arena, moment: str) -> None:
    """A halt over nothing is confirmed as it is engaged, so this one is made to wait again."""
    name = f"confirmed-{moment}"
    _engage(place, name)
    halt = _halt_of(place, name)
    unconfirmed = f"UPDATE tenants_halt SET confirmed_at = NULL WHERE id = '{halt.pk}'"
    _struck(place, f"confirm_halt.{moment}", lambda: arena.superuser(place, unconfirmed))
    _wait(lambda: _halt_of(place, name).confirmed_at is not None, place)


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_release_happens_whole_or_not_at_all(place: Arena, moment: str) -> None:
    name = f"release-{moment}"
    _engage(place, name)
    halt = _halt_of(place, name)
    alice, admin = place.side.alice, {"halt_id": str(halt.pk)}
    _struck(place, f"ask_release.{moment}", lambda: place.hand("ask_release", alice, **admin))
    asked = _halt_of(place, name).release_requested_at is not None
    assert asked is (moment == "after_commit")
    if not asked:
        place.hand("ask_release", alice, **admin)
        _wait(lambda: _halt_of(place, name).release_requested_at is not None, place)
    _struck(place, f"release.{moment}", lambda: place.hand("release", place.side.bob, **admin))
    assert any(standing.pk == halt.pk for standing in _halts()) is (moment == "before_commit")
