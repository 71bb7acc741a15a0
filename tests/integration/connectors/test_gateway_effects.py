"""What each effect and obligation of the policy does to a call, with the real decision point."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import transaction

from approvals.models import ApprovalRequest
from approvals.types import Tier
from connectors import gateway, services
from connectors.calls import CallState
from connectors.gateway import sending
from connectors.models import ToolCall
from controlplane.lib import clock
from policies.types import PackSource
from tenants import halts, payloads
from tests import gateway_ground as ground
from tests.stand_ins import StandIns

HEADER = "package interlock.packs.extra\n\n"
GET = 'input.resource.tool == "servicenow.incident.get"'
UPDATE = 'input.resource.tool == "servicenow.incident.update"'


def _finding(effect: str, when: str, more: str = "") -> str:
    body = f'"effect": "{effect}", "code": "extra", "rule": "extra", "message": "Extra rule."{more}'
    return f"findings contains {{{body}}} if {{\n\t{when}\n}}\n"


def _obligation(obligation: str, when: str) -> str:
    return f'grants contains {{"rule": "extra", "obligations": [{obligation}]}} if {{\n\t{when}\n}}\n'


@pytest.fixture
def under(bare: SimpleNamespace) -> Callable[[str], SimpleNamespace]:
    """Tenant A under the triage pack and one more."""

    def publish(rego: str) -> SimpleNamespace:
        ground.publish(bare, bare.admin, extra=PackSource(source=HEADER + rego))
        return bare

    return publish


def _read(side: SimpleNamespace, vendors: StandIns, **changes: Any) -> Any:
    args = {"sys_id": vendors.incident()}
    return ground.spec_for(side, "servicenow.incident.get", "servicenow", args, **changes)


def _update(side: SimpleNamespace, vendors: StandIns, **fields: str) -> Any:
    args = ground.update_args(vendors.incident(category="inquiry"), **fields)
    return ground.spec_for(side, "servicenow.incident.update", "servicenow", args)


def test_throttle_waits_as_long_as_policy_says(under: Callable[[str], SimpleNamespace], vendors: StandIns) -> None:
    side = under(_finding("THROTTLE", GET, ', "retry_after_s": 40'))
    held = ground.go(side, _read(side, vendors))
    assert (held.state, held.code) == (CallState.THROTTLED, "throttled_by_policy")
    assert held.retry_at is not None
    assert timedelta(seconds=30) < held.retry_at - clock.now() < timedelta(seconds=41)
    assert vendors.log("/api/now") == []


def test_a_read_waits_for_a_person_when_policy_asks(
    under: Callable[[str], SimpleNamespace], vendors: StandIns, approve: Callable[..., Any]
) -> None:
    side = under(_finding("REQUIRE_HITL", f"{GET}\n\tcount(input.approvals) == 0"))
    waiting = ground.go(side, _read(side, vendors))
    assert waiting.state is CallState.WAITING_APPROVAL
    approve(side, waiting.request_id)
    assert gateway.advance(call_id=waiting.call_id, actor=ground.worker(side)).state is CallState.SUCCEEDED


def test_an_approved_call_is_decided_again_and_can_still_be_denied(
    under: Callable[[str], SimpleNamespace], vendors: StandIns, approve: Callable[..., Any]
) -> None:
    side = under(_finding("DENY", f"{UPDATE}\n\tcount(input.approvals) > 0"))
    waiting = ground.go(side, _update(side, vendors))
    approve(side, waiting.request_id)
    done = gateway.advance(call_id=waiting.call_id, actor=ground.worker(side))
    assert (done.state, done.code) == (CallState.DENIED, "extra")
    assert ground.writes(vendors) == []


def test_a_policy_that_an_approval_does_not_satisfy_denies(
    under: Callable[[str], SimpleNamespace], vendors: StandIns, approve: Callable[..., Any]
) -> None:
    side = under(_finding("REQUIRE_HITL", GET))
    waiting = ground.go(side, _read(side, vendors))
    approve(side, waiting.request_id)
    done = gateway.advance(call_id=waiting.call_id, actor=ground.worker(side))
    assert (done.state, done.code) == (CallState.DENIED, "approval_not_accepted")


def test_step_up_asks_for_a_high_tier(under: Callable[[str], SimpleNamespace], vendors: StandIns) -> None:
    side = under(_finding("REQUIRE_STEP_UP", GET))
    waiting = ground.go(side, _read(side, vendors))
    with transaction.atomic():
        assert ApprovalRequest.objects.get(pk=waiting.request_id).tier == Tier.HIGH


def test_what_policy_sets_is_what_people_approve_and_what_is_written(
    under: Callable[[str], SimpleNamespace], vendors: StandIns, approve: Callable[..., Any]
) -> None:
    side = under(_obligation('{"type": "set", "path": "fields.impact", "value": "3"}', UPDATE))
    spec = _update(side, vendors, category="network", impact="1")
    waiting = ground.go(side, spec)
    with transaction.atomic():
        request = ApprovalRequest.objects.get(pk=waiting.request_id)
        shown = payloads.get_json(request.display_digest)
    assert "1" not in [line["after"] for line in shown["changes"] if line["field"] == "impact"]
    approve(side, waiting.request_id)
    done = gateway.advance(call_id=waiting.call_id, actor=ground.worker(side))
    assert done.state is CallState.SUCCEEDED, done
    record = vendors.ctl(f"state?sys_id={spec.args['sys_id']}", method="GET")["record"]
    assert (record["category"], record["impact"]) == ("network", "3")
    with transaction.atomic():
        assert ToolCall.objects.get(pk=done.call_id).action_digest == request.action_digest


@pytest.mark.parametrize(
    ("obligation", "code"),
    [
        ('{"type": "notify", "channel": "x"}', "obligation_unsupported"),
        ('{"type": "compensate"}', "obligation_unsupported"),
        ('{"type": "set", "path": "nowhere.here", "value": "x"}', "obligation_unsupported"),
        ('{"type": "set", "path": "sys_id", "value": "not an id"}', "obligation_breaks_action"),
    ],
)
def test_what_the_gateway_cannot_carry_out_is_denied(
    under: Callable[[str], SimpleNamespace], vendors: StandIns, obligation: str, code: str
) -> None:
    side = under(_obligation(obligation, GET))
    done = ground.go(side, _read(side, vendors))
    assert (done.state, done.code) == (CallState.DENIED, code)
    assert vendors.log("/api/now") == []


def test_obligations_that_never_come_to_rest_are_denied(
    under: Callable[[str], SimpleNamespace], vendors: StandIns
) -> None:
    turn = '{"type": "set", "path": "fields.impact", "value": "%s"}'
    flip = _obligation(turn % "1", f'{UPDATE}\n\tinput.resource.args.fields.impact == "2"')
    flop = _obligation(turn % "2", f'{UPDATE}\n\tinput.resource.args.fields.impact == "1"')
    side = under(flip + "\n" + flop)
    done = ground.go(side, _update(side, vendors, impact="1"))
    assert (done.state, done.code) == (CallState.DENIED, "obligations_unsettled")


def test_route_sends_the_call_elsewhere_after_another_decision(
    under: Callable[[str], SimpleNamespace], vendors: StandIns
) -> None:
    when = f'{GET}\n\tinput.resource.connector == "servicenow"'
    side = under(_finding("ROUTE", when, ', "route": "second"'))
    ground.save_instance("second", vendors, side.admin, **ground.INSTANCES["servicenow"])
    done = ground.go(side, _read(side, vendors))
    assert done.state is CallState.SUCCEEDED, done
    with transaction.atomic():
        assert ToolCall.objects.get(pk=done.call_id).instance.name == "second"


@pytest.mark.parametrize(("route", "code"), [("nowhere", "obligation_unsupported"), ("servicenow", "route_unsettled")])
def test_a_route_that_leads_nowhere_or_back_is_denied(
    under: Callable[[str], SimpleNamespace], vendors: StandIns, route: str, code: str
) -> None:
    side = under(_finding("ROUTE", GET, f', "route": "{route}"'))
    done = ground.go(side, _read(side, vendors))
    assert (done.state, done.code) == (CallState.DENIED, code)
    assert vendors.log("/api/now") == []


@pytest.mark.parametrize(("sealed", "state"), [(True, CallState.SUCCEEDED), (False, CallState.NOT_SENT)])
def test_what_must_be_sealed_first_is_sent_only_under_a_checkpoint(
    under: Callable[[str], SimpleNamespace],
    vendors: StandIns,
    monkeypatch: pytest.MonkeyPatch,
    sealed: bool,
    state: CallState,
) -> None:
    side = under(_obligation('{"type": "seal_before_send"}', GET))
    waited: list[Any] = []
    monkeypatch.setattr(sending, "wait_sealed", lambda event_id, _: waited.append(event_id) or sealed)
    assert ground.go(side, _read(side, vendors)).state is state
    assert len(waited) == 1
    assert bool(vendors.log("/api/now")) is sealed


@pytest.mark.parametrize(("mode", "state"), [("freeze", CallState.HALTED), ("stop_and_undo", CallState.SUCCEEDED)])
def test_only_stop_and_undo_leaves_the_undoing_open(
    ready: SimpleNamespace, vendors: StandIns, approve: Callable[..., Any], mode: str, state: CallState
) -> None:
    waiting = ground.go(ready, _update(ready, vendors))
    approve(ready, waiting.request_id)
    gateway.advance(call_id=waiting.call_id, actor=ground.worker(ready))
    halts.engage(scope=halts.Scope(halts.Kind.TENANT), mode=mode, reason="stop", actor=ready.admin)
    undone = gateway.compensate(call_id=waiting.call_id, actor=ground.worker(ready))
    assert undone.state is state, undone
    assert ground.go(ready, _read(ready, vendors)).state is CallState.HALTED


def test_in_flight_counts_what_was_sent_before_a_halt_and_is_not_settled(
    ready: SimpleNamespace, vendors: StandIns, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    real = sending.context_for

    def look(*args: Any, **kwargs: Any) -> Any:
        with transaction.atomic():
            for kind, value in (("tenant", ""), ("connector", "servicenow"), ("connector", "slack")):
                seen.append(services.in_flight(kind=kind, value=value, undoing=False))
        return real(*args, **kwargs)

    monkeypatch.setattr(sending, "context_for", look)
    ground.go(ready, _read(ready, vendors))
    assert seen == [1, 1, 0]
    with transaction.atomic():
        assert services.in_flight(kind="tenant", value="", undoing=False) == 0


def test_what_policy_allows_still_waits_for_the_approval_that_the_workflow_insists_on(
    under: Callable[[str], SimpleNamespace], vendors: StandIns, approve: Callable[..., Any]
) -> None:
    side = under("")
    spec = replace(_read(side, vendors), approval_floor="standard", approval_reason="it cannot be called back")
    waiting = ground.go(side, spec)
    assert (waiting.state, vendors.log("/api/now")) == (CallState.WAITING_APPROVAL, [])
    approve(side, waiting.request_id)
    assert gateway.advance(call_id=waiting.call_id, actor=ground.worker(side)).state is CallState.SUCCEEDED
    with transaction.atomic():
        request = ApprovalRequest.objects.get(pk=waiting.request_id)
        assert (request.state, request.tier) == ("CONSUMED", "standard")
        assert [reason["code"] for reason in request.reasons] == ["workflow_asks_for_approval"]


def test_a_workflow_that_insists_on_two_people_is_not_content_with_the_one_of_the_policy(
    under: Callable[[str], SimpleNamespace], vendors: StandIns, approve: Callable[..., Any]
) -> None:
    side = under(_finding("REQUIRE_HITL", f"{GET}\n\tcount(input.approvals) == 0"))
    waiting = ground.go(side, replace(_read(side, vendors), approval_floor="two_person"))
    approve(side, waiting.request_id)
    again = gateway.advance(call_id=waiting.call_id, actor=ground.worker(side))
    assert (again.state, vendors.log("/api/now")) == (CallState.WAITING_APPROVAL, [])
