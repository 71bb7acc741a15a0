"""Whatever is missing, nothing is sent: judged by what the stand-ins saw."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from django.db import connection, transaction

from connectors import gateway
from connectors.calls import CallState
from connectors.gateway import dispatch, sending
from connectors.models import CallAttempt, ToolCall
from controlplane.lib import clock
from metering import services as metering
from metering.types import BudgetKind, Period
from policies import point
from policies.engine import embedded
from policies.engine.protocol import PointFailure
from tenants import halts
from tenants.models import Halt
from tests import gateway_ground as ground
from tests import ground as database
from tests.stand_ins import StandIns

pytestmark = pytest.mark.faults


def _read(side: SimpleNamespace, vendors: StandIns, **changes: Any) -> Any:
    sys_id = vendors.incident()
    return ground.spec_for(side, "servicenow.incident.get", "servicenow", {"sys_id": sys_id}, **changes)


def _requests(vendors: StandIns) -> list[Any]:
    return vendors.log("/api/now")


@contextmanager
def _as_superuser(*statements: str) -> Iterator[None]:
    """Change the database behind the platform's back."""
    name = connection.settings_dict["NAME"]
    with psycopg.connect(database.superuser_dsn(name), autocommit=True) as admin:
        for statement in statements:
            admin.execute(statement)
    yield


def test_without_a_policy_every_call_is_denied(bare: SimpleNamespace, vendors: StandIns) -> None:
    done = ground.go(bare, _read(bare, vendors))
    assert done.state is CallState.DENIED
    assert done.code == "bundle_missing"
    assert _requests(vendors) == []


def test_with_the_pdp_killed_nothing_is_sent(
    ready: SimpleNamespace, vendors: StandIns, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: Any) -> None:
        raise PointFailure("pdp_unavailable")

    own = embedded.EmbeddedPoint(deadline_s=1, confined_only=False)
    with point.replaced_by(own):
        assert ground.go(ready, _read(ready, vendors)).state is CallState.SUCCEEDED
        before = len(_requests(vendors))
        monkeypatch.setattr(embedded, "start", refuse)
        os.kill(own.pids()[0], signal.SIGKILL)
        done = ground.go(ready, _read(ready, vendors))
    assert (done.state, done.code) == (CallState.DENIED, "pdp_unavailable")
    assert len(_requests(vendors)) == before


def test_with_the_bundle_expired_nothing_is_sent(ready: SimpleNamespace, vendors: StandIns) -> None:
    with clock.frozen(clock.now() + timedelta(hours=2)):
        done = ground.go(ready, _read(ready, vendors))
    assert done.state is CallState.DENIED
    assert _requests(vendors) == []


def test_with_the_halts_unreadable_nothing_is_sent(
    committed_db: str, ready: SimpleNamespace, vendors: StandIns
) -> None:
    with _as_superuser("REVOKE SELECT ON tenants_halt FROM interlock_app"):
        done = ground.go(ready, _read(ready, vendors))
    assert (done.state, done.code) == (CallState.HALTED, "halts_unreadable")
    assert _requests(vendors) == []


@pytest.mark.parametrize(
    ("refused", "code"),
    [("tool.call.intent", "dispatch_not_recorded"), ("policy.decided", "decision_not_recorded")],
)
def test_with_the_evidence_refused_nothing_is_sent(
    committed_db: str, ready: SimpleNamespace, vendors: StandIns, refused: str, code: str
) -> None:
    with _as_superuser(f"ALTER TABLE evidence_event ADD CHECK (type <> '{refused}') NOT VALID"):
        done = ground.go(ready, _read(ready, vendors))
    assert (done.state, done.code) == (CallState.THROTTLED, code)
    assert _requests(vendors) == []
    with transaction.atomic():
        assert not CallAttempt.objects.exists()
        assert ToolCall.objects.get(pk=done.call_id).attempts == 0


def test_with_all_evidence_refused_nothing_is_even_proposed(
    committed_db: str, ready: SimpleNamespace, vendors: StandIns
) -> None:
    from django.db import DatabaseError

    with (
        _as_superuser("REVOKE INSERT ON evidence_event FROM interlock_app"),
        pytest.raises(DatabaseError),
    ):
        ground.go(ready, _read(ready, vendors))
    assert _requests(vendors) == []


def test_when_evidence_cannot_keep_up_nothing_is_sent(
    ready: SimpleNamespace, vendors: StandIns, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch.evidence, "backpressure", lambda: "evidence_lag")
    done = ground.go(ready, _read(ready, vendors))
    assert (done.state, done.code) == (CallState.THROTTLED, "evidence_lag")
    assert _requests(vendors) == []


def test_without_a_budget_nothing_is_sent_and_no_slot_is_lost(ready: SimpleNamespace, vendors: StandIns) -> None:
    metering.set_budget(
        kind=BudgetKind.MODEL, value="interlock-sandbox-1", period=Period.DAY, limit_micros=0, actor=ready.admin
    )
    args = {"model": "interlock-sandbox-1", "prompt": "triage@1", "input": {"text": "vpn"}, "schema": "triage_result@1"}
    done = ground.go(ready, ground.spec_for(ready, "llm.generate", "anthropic", args))
    assert done.state is CallState.DENIED, done
    assert done.code in {"budget_exceeded", "price_unknown"}
    assert vendors.log("/anthropic") == []


def test_a_full_rate_bucket_throttles_and_holds_no_budget(
    ready: SimpleNamespace, vendors: StandIns, monkeypatch: pytest.MonkeyPatch
) -> None:
    from metering.models import Reservation

    monkeypatch.setattr(dispatch.metering, "take_slot", lambda **_: 7.0)
    done = ground.go(ready, _read(ready, vendors))
    assert (done.state, done.code) == (CallState.THROTTLED, "rate_limited")
    assert done.retry_at is not None
    assert done.retry_at > clock.now() + timedelta(seconds=5)
    assert _requests(vendors) == []
    with transaction.atomic():
        assert not Reservation.objects.exists()


@pytest.mark.parametrize("kind", ["tenant", "workspace", "environment", "workflow", "connector", "tool"])
def test_a_halt_on_any_scope_stops_the_call(ready: SimpleNamespace, vendors: StandIns, kind: str) -> None:
    value = {
        "tenant": "",
        "workspace": ready.workspace.slug,
        "environment": "prod",
        "workflow": "itsm-triage",
        "connector": "servicenow",
        "tool": "servicenow.incident.get",
    }[kind]
    scope = halts.Scope(halts.Kind(kind), value)
    halts.engage(scope=scope, mode=Halt.Mode.FREEZE, reason="smoke", actor=ready.admin)
    done = ground.go(ready, _read(ready, vendors))
    assert (done.state, done.code) == (CallState.HALTED, "halted")
    assert done.retry_at is not None
    assert _requests(vendors) == []


def test_a_halt_between_dispatch_and_first_byte_is_not_sent(
    ready: SimpleNamespace, vendors: StandIns, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = sending.context_for

    def halt_first(*args: Any, **kwargs: Any) -> Any:
        if not halts.every_active():
            halts.engage(scope=halts.Scope(halts.Kind.TENANT), mode="freeze", reason="late", actor=ready.admin)
        return real(*args, **kwargs)

    monkeypatch.setattr(sending, "context_for", halt_first)
    done = ground.go(ready, _read(ready, vendors))
    assert (done.state, done.code) == (CallState.NOT_SENT, "halted")
    assert _requests(vendors) == []


def test_a_worker_that_slept_past_its_window_sends_nothing(
    ready: SimpleNamespace, vendors: StandIns, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch.clocks, "SEND_WINDOW_S", 0)
    done = ground.go(ready, _read(ready, vendors))
    assert (done.state, done.code) == (CallState.NOT_SENT, "window_closed")
    assert _requests(vendors) == []


def test_what_was_not_sent_is_sent_later_without_asking_people_again(
    ready: SimpleNamespace, vendors: StandIns, approve: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    args = ground.update_args(vendors.incident())
    waiting = ground.go(ready, ground.spec_for(ready, "servicenow.incident.update", "servicenow", args))
    approve(ready, waiting.request_id)
    with monkeypatch.context() as patched:
        patched.setattr(dispatch.clocks, "SEND_WINDOW_S", 0)
        first = gateway.advance(call_id=waiting.call_id, actor=ground.worker(ready))
    assert first.state is CallState.NOT_SENT
    second = gateway.advance(call_id=waiting.call_id, actor=ground.worker(ready))
    assert second.state is CallState.SUCCEEDED, second
    assert len(ground.writes(vendors)) == 1
    with transaction.atomic():
        outcomes = CallAttempt.objects.filter(call_id=first.call_id).order_by("number")
        assert list(outcomes.values_list("outcome", flat=True)) == ["not_sent", "done"]


def test_another_write_about_the_ticket_voids_the_decision(
    ready: SimpleNamespace, vendors: StandIns, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The history moves between decision and dispatch: the PDP is asked again, then the call goes."""
    from connectors.gateway import progress

    spec = _read(ready, vendors)
    other = _read(ready, vendors, ticket=spec.ticket)
    real, asked = progress.decide, []

    def decide(call: Any, *, actor: Any) -> Any:
        asked.append(call.pk)
        ruling = real(call, actor=actor)
        if len(asked) == 1:
            ground.go(ready, other)
        return ruling

    monkeypatch.setattr(progress, "decide", decide)
    done = ground.go(ready, spec)
    assert done.state is CallState.SUCCEEDED
    assert asked.count(done.call_id) == 2
