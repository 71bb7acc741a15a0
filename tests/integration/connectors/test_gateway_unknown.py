"""Nobody knows whether it landed: the target is asked, never told again."""

from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import transaction

from connectors import gateway
from connectors.calls import Answer, CallState, CallStatus
from connectors.gateway import clocks, progress
from connectors.gateway.errors import NotReconcilable
from connectors.models import CallAttempt, ToolCall
from controlplane.lib import clock
from metering.models import Reservation, UsageRow
from tests import gateway_ground as ground
from tests.stand_ins import StandIns

pytestmark = pytest.mark.faults


@pytest.fixture
def approved(
    ready: SimpleNamespace, vendors: StandIns, approve: Callable[..., Any]
) -> tuple[SimpleNamespace, CallStatus]:
    """A write that a person approved and that was not sent yet."""
    args = ground.update_args(vendors.incident(category="inquiry"))
    waiting = ground.go(ready, ground.spec_for(ready, "servicenow.incident.update", "servicenow", args))
    approve(ready, waiting.request_id)
    return ready, waiting


def _advance(side: SimpleNamespace, call: CallStatus) -> CallStatus:
    return gateway.advance(call_id=call.call_id, actor=ground.worker(side))


@pytest.mark.parametrize("fault", ["drop_after", "500_after"])
def test_reply_lost_after_the_write_landed_is_found_by_its_marker(
    approved: tuple[SimpleNamespace, CallStatus], vendors: StandIns, fault: str
) -> None:
    side, call = approved
    vendors.fault(fault, method="PATCH", path="/api/now")
    lost = _advance(side, call)
    assert lost.state is CallState.UNKNOWN
    assert lost.retry_at is not None
    found = gateway.probe(call_id=call.call_id, actor=ground.worker(side))
    assert found.state is CallState.SUCCEEDED, found
    assert len(ground.writes(vendors)) == 1
    assert len(vendors.ledger(kind="note_appended", origin="api")) == 1


def test_what_did_not_land_is_sent_again_under_the_same_marker_after_the_settle_time(
    approved: tuple[SimpleNamespace, CallStatus], vendors: StandIns
) -> None:
    side, call = approved
    vendors.fault("drop_before", method="PATCH", path="/api/now")
    lost = _advance(side, call)
    assert lost.state is CallState.UNKNOWN
    looked = gateway.probe(call_id=call.call_id, actor=ground.worker(side))
    assert looked.state is CallState.UNKNOWN, "absence is not proven before the settle time"
    with clock.frozen(clock.now() + timedelta(seconds=75)):
        absent = gateway.probe(call_id=call.call_id, actor=ground.worker(side))
        assert (absent.state, absent.code) == (CallState.FAILED_TRANSIENT, "not_landed")
        done = _advance(side, call)
    assert done.state is CallState.SUCCEEDED, done
    assert len(ground.writes(vendors)) == 1
    with transaction.atomic():
        assert CallAttempt.objects.filter(call_id=call.call_id).count() == 2
        assert not Reservation.objects.exists()


def test_worker_killed_after_dispatch_leaves_an_unknown_that_is_probed_to_one_effect(
    approved: tuple[SimpleNamespace, CallStatus], vendors: StandIns, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It died after the vendor had written and before anything was settled."""

    class Died(BaseException):
        """As a kill would: nothing of ours runs after it."""

    def die(*_: Any, **__: Any) -> None:
        raise Died

    side, call = approved
    with monkeypatch.context() as patched:
        patched.setattr(progress.settlement, "settle", die)
        with pytest.raises(Died):
            _advance(side, call)
    held = _advance(side, call)
    assert held.state is CallState.DISPATCHED, "the lease still runs, nobody touches it"
    assert held.retry_at is not None
    with clock.frozen(clock.now() + timedelta(seconds=clocks.LEASE_S + 1)):
        done = _advance(side, call)
        assert done.state is CallState.SUCCEEDED, done
    assert len(ground.writes(vendors)) == 1


def test_probing_goes_on_in_a_freeze(approved: tuple[SimpleNamespace, CallStatus], vendors: StandIns) -> None:
    from tenants import halts

    side, call = approved
    vendors.fault("drop_after", method="PATCH", path="/api/now")
    _advance(side, call)
    halts.engage(scope=halts.Scope(halts.Kind.TENANT), mode="freeze", reason="stop", actor=side.admin)
    assert gateway.probe(call_id=call.call_id, actor=ground.worker(side)).state is CallState.SUCCEEDED


def test_what_no_probe_can_tell_goes_to_a_person(
    approved: tuple[SimpleNamespace, CallStatus], vendors: StandIns, actor_of: Callable[..., Any]
) -> None:
    side, call = approved
    vendors.fault("drop_after", method="PATCH", path="/api/now")
    _advance(side, call)
    vendors.fault("status", times=50, method="GET", path="/api/now")
    for _ in range(len(clocks.PROBE_AFTER_S)):
        looked = gateway.probe(call_id=call.call_id, actor=ground.worker(side))
    assert (looked.state, looked.code, looked.retry_at) == (CallState.UNKNOWN, "needs_person", None)
    with pytest.raises(Exception, match="permission"):
        gateway.resolve(call_id=call.call_id, actor=actor_of(side.bob, side.tenant), answer=Answer.LANDED)
    dana = actor_of(side.dana, side.tenant)
    done = gateway.resolve(call_id=call.call_id, actor=dana, answer=Answer.LANDED)
    assert done.state is CallState.SUCCEEDED
    with pytest.raises(NotReconcilable):
        gateway.resolve(call_id=call.call_id, actor=dana, answer=Answer.UNDO)
    assert len(ground.writes(vendors)) == 1


def test_a_lost_read_is_simply_asked_again(ready: SimpleNamespace, vendors: StandIns) -> None:
    sys_id = vendors.incident()
    vendors.fault("drop_after", method="GET", path="/api/now")
    lost = ground.go(ready, ground.spec_for(ready, "servicenow.incident.get", "servicenow", {"sys_id": sys_id}))
    assert lost.state is CallState.FAILED_TRANSIENT
    assert _advance(ready, lost).state is CallState.SUCCEEDED


def test_a_lost_model_call_may_be_asked_again_and_its_cost_is_estimated(
    ready: SimpleNamespace, vendors: StandIns, priced_model: None
) -> None:
    vendors.fault("drop_after", path="/v1/messages")
    lost = ground.go(ready, ground.spec_for(ready, "llm.generate", "anthropic", ground.triage_args()))
    assert lost.state is CallState.FAILED_TRANSIENT, lost
    done = _advance(ready, lost)
    assert done.state is CallState.SUCCEEDED, done
    with transaction.atomic():
        rows = UsageRow.objects.filter(call_id=done.call_id).order_by("attempt")
        assert list(rows.values_list("estimated", flat=True)) == [True, False]
        assert ToolCall.objects.get(pk=done.call_id).attempts == 2


def test_worker_killed_while_it_undoes_leaves_one_undo_that_is_carried_on(
    approved: tuple[SimpleNamespace, CallStatus], vendors: StandIns, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It died after the vendor had put the record back and before anything was settled."""

    class Died(BaseException):
        """As a kill would: nothing of ours runs after it."""

    def die(*_: Any, **__: Any) -> None:
        raise Died

    side, call = approved
    assert _advance(side, call).state is CallState.SUCCEEDED
    with monkeypatch.context() as patched:
        patched.setattr(progress.settlement, "settle", die)
        with pytest.raises(Died):
            gateway.compensate(call_id=call.call_id, actor=ground.worker(side))
    with clock.frozen(clock.now() + timedelta(seconds=clocks.LEASE_S + 1)):
        undone = gateway.compensate(call_id=call.call_id, actor=ground.worker(side))
    assert (undone.state, undone.label) == (CallState.SUCCEEDED, "RESTORED"), undone
    assert len(ground.writes(vendors)) == 2
    assert len(vendors.ledger(kind="note_appended", origin="api")) == 2


def test_an_undo_that_cannot_be_read_back_is_in_doubt_and_then_found(
    approved: tuple[SimpleNamespace, CallStatus], vendors: StandIns, monkeypatch: pytest.MonkeyPatch
) -> None:
    from connectors.gateway import verification
    from connectors.types import Label, Verified

    side, call = approved
    _advance(side, call)
    unread = Verified(False, Label.FAILED, "no answer")
    with monkeypatch.context() as patched:
        patched.setattr(verification, "verify", lambda row, *_: unread if row.compensates_id else None)
        doubtful = gateway.compensate(call_id=call.call_id, actor=ground.worker(side))
        assert (doubtful.state, doubtful.code) == (CallState.UNKNOWN, "read_back_failed")
        looked = gateway.probe(call_id=doubtful.call_id, actor=ground.worker(side))
        assert looked.state is CallState.UNKNOWN
    done = gateway.probe(call_id=doubtful.call_id, actor=ground.worker(side))
    assert (done.state, done.label) == (CallState.SUCCEEDED, "RESTORED")
    assert len(ground.writes(vendors)) == 2


def test_an_undo_that_reads_back_differently_is_a_conflict_and_not_a_success(
    approved: tuple[SimpleNamespace, CallStatus], vendors: StandIns, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody changed the record right after it was put back."""
    from connectors.gateway import verification

    side, call = approved
    _advance(side, call)
    real = verification.verify

    def edited_first(row: Any, *rest: Any) -> Any:
        if row.compensates_id is not None:
            sys_id = ground.writes(vendors)[-1]["target"]
            vendors.ctl("edit", {"sys_id": sys_id, "changes": {"category": "hardware"}})
        return real(row, *rest)

    monkeypatch.setattr(verification, "verify", edited_first)
    undone = gateway.compensate(call_id=call.call_id, actor=ground.worker(side))
    assert (undone.state, undone.label, undone.code) == (CallState.CONFLICT, "CONFLICT", "read_back_differs")
