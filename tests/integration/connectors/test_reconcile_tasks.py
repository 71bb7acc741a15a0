"""What no probe can tell: the task, what it shows, its three answers, and that one answer wins."""

from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import transaction

from connectors import access, claims, gateway, ports
from connectors.calls import Answer, CallState, CallStatus
from connectors.errors import TaskNotFound
from connectors.gateway import clocks
from connectors.gateway.errors import AnswerUnlawful, FoundAfterAll, NotReconcilable
from connectors.models import CallProbe, ReconcileTask, ToolCall
from controlplane.lib import clock
from controlplane.lib.errors import Forbidden, Invalid
from evidence.models import Event
from tests import gateway_ground as ground
from tests.stand_ins import StandIns


@pytest.fixture(autouse=True)
def told(monkeypatch: pytest.MonkeyPatch) -> list[ports.Told]:
    """What the run of a call would hear."""
    heard: list[ports.Told] = []
    monkeypatch.setattr(ports.reconciled, "_bound", heard.append)
    return heard


@pytest.fixture
def written(ready: SimpleNamespace, vendors: StandIns, approve: Callable[..., Any]) -> Callable[..., CallStatus]:
    """An approved update whose reply is lost by the given fault."""

    def make(fault: str) -> CallStatus:
        args = ground.update_args(vendors.incident(category="inquiry"))
        call = ground.go(ready, ground.spec_for(ready, "servicenow.incident.update", "servicenow", args))
        approve(ready, call.request_id)
        vendors.fault(fault, method="PATCH", path="/api/now")
        return gateway.advance(call_id=call.call_id, actor=ground.worker(ready))

    return make


def doubted(side: SimpleNamespace, vendors: StandIns, call: CallStatus) -> ReconcileTask:
    """Every probe finds a target that cannot be read."""
    vendors.fault("status", times=len(clocks.PROBE_AFTER_S), method="GET", path="/api/now")
    for _ in clocks.PROBE_AFTER_S:
        gateway.probe(call_id=call.call_id, actor=ground.worker(side))
    with transaction.atomic():
        return ReconcileTask.objects.get(call_id=call.call_id)


def _answer(task: ReconcileTask, answer: str, actor: Any) -> CallStatus:
    return claims.answer(task_id=task.pk, answer=answer, note="looked at the notes", actor=actor)


@pytest.fixture
def dana(ready: SimpleNamespace, actor_of: Callable[..., Any]) -> Any:
    return actor_of(ready.dana, ready.tenant)


def test_a_task_holds_all_that_is_known(
    ready: SimpleNamespace, vendors: StandIns, written: Callable[..., CallStatus], dana: Any
) -> None:
    task = doubted(ready, vendors, written("drop_after"))
    with transaction.atomic():
        seen = access.reconcile_task(dana, task.pk)
        looks = access.looks(seen.call)
        before = access.images(dana, seen.call)
        told = Event.objects.filter(type="tool.call.reconcile_opened").count()
    assert seen.state == "OPEN"
    assert seen.call.marker in seen.guide
    assert "work notes" in seen.guide
    assert [look.found for look in looks] == ["cannot_tell"] * len(clocks.PROBE_AFTER_S)
    assert all(look.detail for look in looks)
    assert seen.call.target.startswith("incident INC")
    assert before.before is not None or before.withheld
    assert told == 1


def test_landed_settles_the_call_with_the_images_that_a_last_look_gives(
    ready: SimpleNamespace,
    vendors: StandIns,
    written: Callable[..., CallStatus],
    dana: Any,
    told: list[ports.Told],
) -> None:
    call = written("drop_after")
    task = doubted(ready, vendors, call)
    done = _answer(task, "landed", dana)
    assert done.state is CallState.SUCCEEDED
    assert done.output is not None
    assert done.output["fields"] == {"category": "network"}
    assert [(one.answer, one.call_id) for one in told] == [(Answer.LANDED, call.call_id)]
    with transaction.atomic():
        row = ReconcileTask.objects.get(pk=task.pk)
        assert (row.state, row.answer, row.answered_label) == ("ANSWERED", "landed", dana.label)
        assert ToolCall.objects.get(pk=call.call_id).undo_digest
    assert len(ground.writes(vendors)) == 1


def test_landed_is_taken_on_a_persons_word_when_the_target_stays_silent(
    ready: SimpleNamespace, vendors: StandIns, written: Callable[..., CallStatus], dana: Any
) -> None:
    task = doubted(ready, vendors, written("drop_after"))
    vendors.fault("status", method="GET", path="/api/now")
    done = _answer(task, "landed", dana)
    assert (done.state, done.code, done.output) == (CallState.SUCCEEDED, "landed_says_person", {})
    undone = gateway.compensate(call_id=done.call_id, actor=ground.worker(ready))
    assert (undone.state, undone.label) == (CallState.SUCCEEDED, "RESTORED"), undone


def test_not_landed_sends_it_again_under_the_same_marker(
    ready: SimpleNamespace, vendors: StandIns, written: Callable[..., CallStatus], dana: Any
) -> None:
    task = doubted(ready, vendors, written("drop_before"))
    again = _answer(task, "not_landed", dana)
    assert (again.state, again.code) == (CallState.FAILED_TRANSIENT, "not_landed_says_person")
    done = gateway.advance(call_id=again.call_id, actor=ground.worker(ready))
    assert done.state is CallState.SUCCEEDED, done
    assert len(ground.writes(vendors)) == 1


def test_a_marker_that_is_there_beats_somebody_who_says_it_is_not(
    ready: SimpleNamespace,
    vendors: StandIns,
    written: Callable[..., CallStatus],
    dana: Any,
    told: list[ports.Told],
) -> None:
    task = doubted(ready, vendors, written("drop_after"))
    with pytest.raises(FoundAfterAll):
        _answer(task, "not_landed", dana)
    assert gateway.status(call_id=task.call_id).state is CallState.SUCCEEDED
    assert [one.answer for one in told] == [Answer.LANDED], "the run goes on"
    with transaction.atomic():
        assert ReconcileTask.objects.get(pk=task.pk).state == "FOUND"
        assert not Event.objects.filter(type="tool.call.resolved").exists()


def test_undo_takes_the_landing_as_fact_and_tells_the_run(
    ready: SimpleNamespace,
    vendors: StandIns,
    written: Callable[..., CallStatus],
    dana: Any,
    told: list[ports.Told],
) -> None:
    task = doubted(ready, vendors, written("drop_after"))
    assert _answer(task, "undo", dana).state is CallState.SUCCEEDED
    assert [one.answer for one in told] == [Answer.UNDO]


def test_an_undo_of_unknown_outcome_is_not_undone(
    ready: SimpleNamespace, vendors: StandIns, approve: Callable[..., Any], dana: Any
) -> None:
    args = ground.update_args(vendors.incident(category="inquiry"))
    call = ground.go(ready, ground.spec_for(ready, "servicenow.incident.update", "servicenow", args))
    approve(ready, call.request_id)
    gateway.advance(call_id=call.call_id, actor=ground.worker(ready))
    vendors.fault("drop_after", method="PATCH", path="/api/now")
    undoing = gateway.compensate(call_id=call.call_id, actor=ground.worker(ready))
    assert undoing.state is CallState.UNKNOWN
    task = doubted(ready, vendors, undoing)
    with pytest.raises(AnswerUnlawful):
        _answer(task, "undo", dana)
    done = _answer(task, "landed", dana)
    assert (done.state, done.label) == (CallState.SUCCEEDED, "RESTORED")


def test_a_target_that_tells_after_all_closes_the_task(
    ready: SimpleNamespace, vendors: StandIns, written: Callable[..., CallStatus], dana: Any
) -> None:
    task = doubted(ready, vendors, written("drop_after"))
    assert gateway.probe(call_id=task.call_id, actor=ground.worker(ready)).state is CallState.SUCCEEDED
    with pytest.raises(NotReconcilable):
        _answer(task, "landed", dana)
    with transaction.atomic():
        assert ReconcileTask.objects.get(pk=task.pk).state == "FOUND"
        assert CallProbe.objects.filter(call_id=task.call_id, found="landed").count() == 1


def test_a_claimed_task_is_answered_by_whoever_claimed_it(
    ready: SimpleNamespace,
    vendors: StandIns,
    written: Callable[..., CallStatus],
    dana: Any,
    actor_of: Callable[..., Any],
) -> None:
    task = doubted(ready, vendors, written("drop_after"))
    alice = actor_of(ready.alice, ready.tenant)
    assert claims.claim(task_id=task.pk, actor=alice).claimed_by == alice.id
    assert claims.claim(task_id=task.pk, actor=alice).claimed_by == alice.id
    for refused in (lambda: claims.claim(task_id=task.pk, actor=dana), lambda: _answer(task, "landed", dana)):
        with pytest.raises(NotReconcilable, match="claimed"):
            refused()
    assert gateway.status(call_id=task.call_id).state is CallState.UNKNOWN, "a refused answer leaves it as it was"
    assert claims.release(task_id=task.pk, actor=dana).claimed_by is None
    assert _answer(task, "landed", dana).state is CallState.SUCCEEDED
    with transaction.atomic():
        kinds = Event.objects.filter(type__startswith="tool.call.reconcile_").values_list("type", flat=True)
        assert sorted(kinds) == [f"tool.call.reconcile_{word}" for word in ("claimed", "opened", "released")]


def test_only_operators_who_are_people_answer_and_strangers_see_nothing(
    ready: SimpleNamespace,
    world: SimpleNamespace,
    vendors: StandIns,
    written: Callable[..., CallStatus],
    dana: Any,
    actor_of: Callable[..., Any],
) -> None:
    task = doubted(ready, vendors, written("drop_after"))
    with pytest.raises(Forbidden):
        _answer(task, "landed", actor_of(ready.bob, ready.tenant))
    with pytest.raises((NotReconcilable, Forbidden, TaskNotFound)):
        _answer(task, "landed", ground.worker(ready))
    with pytest.raises(TaskNotFound):
        _answer(task, "landed", actor_of(world.charlie, ready.tenant))
    with pytest.raises(Invalid):
        claims.answer(task_id=task.pk, answer="landed", note=" ", actor=dana)
    with pytest.raises(Invalid):
        _answer(task, "abandon", dana)
    assert gateway.status(call_id=task.call_id).state is CallState.UNKNOWN


def test_an_absence_that_was_seen_during_the_settle_time_does_not_count_afterwards(
    ready: SimpleNamespace,
    vendors: StandIns,
    written: Callable[..., CallStatus],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The look began inside the settle time and took long: what came in meanwhile was not seen."""
    from connectors.gateway import recovery

    call, real = written("drop_before"), recovery.look
    start = clock.now()

    def slow(*args: Any) -> Any:
        found = real(*args)
        monkeypatch.setattr(recovery.clock, "now", lambda: start + timedelta(seconds=80))
        return found

    monkeypatch.setattr(recovery, "look", slow)
    with clock.frozen(start + timedelta(seconds=60)):
        looked = gateway.probe(call_id=call.call_id, actor=ground.worker(ready))
    assert looked.state is CallState.UNKNOWN, looked
