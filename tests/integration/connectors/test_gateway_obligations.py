"""What policy attaches to a decision, seen at the stand-ins' ledger: what arrived, who had to say why, who was told."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import transaction

from approvals.errors import ReasonNeeded
from approvals.models import ApprovalRequest
from approvals.services import cast_vote
from approvals.types import Channel, Verdict
from connectors import gateway, notices
from connectors.calls import CallState
from connectors.gateway import sending
from connectors.models import ToolCall
from controlplane.lib import clock
from evidence.models import Event
from policies.models import DecisionRecord
from policies.types import PackSource
from tenants import services as people
from tenants.actors import Actor
from tenants.errors import StepUpRequired
from tenants.permissions import Role
from tests import gateway_ground as ground
from tests.integration.connectors.test_gateway_effects import GET, HEADER, UPDATE, _finding, _obligation, _read, _update
from tests.proving import by_code, by_passkey
from tests.stand_ins import StandIns

Under = Callable[[str], SimpleNamespace]
FREE = 'grants contains {"rule": "extra.free"} if input.resource.tool == "slack.message.post"\n'
POST = 'input.resource.tool == "slack.message.post"\n\tinput.context.lane == "forward"'


@pytest.fixture
def under(bare: SimpleNamespace, vendors: StandIns) -> Under:
    """Tenant A under the triage pack and one more; its Slack has a channel for what the platform says itself."""

    def publish(rego: str) -> SimpleNamespace:
        ground.publish(bare, bare.admin, extra=PackSource(source=HEADER + rego))
        slack = ground.INSTANCES["slack"]
        config = {**slack["config"], "approvals_channel": ground.APPROVALS}
        ground.save_instance("slack", vendors, bare.admin, **{**slack, "config": config})
        return bare

    return publish


@pytest.fixture
def vote(actor_of: Callable[..., Any]) -> Callable[..., Any]:
    """Somebody of A says yes, with or without a reason or a fresh second factor."""

    def cast(side: SimpleNamespace, request_id: Any, person: Any, **changes: Any) -> Any:
        with transaction.atomic():
            shown = ApprovalRequest.objects.get(pk=request_id).display_digest
        said = {"verdict": Verdict.APPROVE, "reason": "", "channel": Channel.CONSOLE, "seen_digest": shown, **changes}
        return cast_vote(request_id=request_id, actor=actor_of(person, side.tenant), **said)

    return cast


def _senior(side: SimpleNamespace, person: Any) -> Any:
    """This person is an auditor, and may decide everything, also what is high."""
    boss = Actor.system(side.tenant.id, "installer")
    for role in (Role.SENIOR_APPROVER, Role.AUDITOR):
        people.grant_role(user_id=person.id, role=role, workspace_id=side.workspace.id, actor=boss)
    return person


def _post(side: SimpleNamespace, **changes: Any) -> Any:
    args = {"channel": ground.CHANNEL, "text": "It was routed."}
    return ground.spec_for(side, "slack.message.post", "slack", args, **changes)


def _again(side: SimpleNamespace, call: Any) -> Any:
    return gateway.advance(call_id=call.call_id, actor=ground.worker(side))


def _request(call: Any) -> ApprovalRequest:
    with transaction.atomic():
        return ApprovalRequest.objects.get(pk=call.request_id)


def _posted(vendors: StandIns, channel: str) -> list[dict[str, Any]]:
    return [row for row in vendors.ledger(vendor="slack", kind="message_posted") if row["channel"] == channel]


def _written(vendors: StandIns, spec: Any) -> dict[str, Any]:
    record: dict[str, Any] = vendors.ctl(f"state?sys_id={spec.args['sys_id']}", method="GET")["record"]
    return record


def test_what_policy_redacts_never_arrives(under: Under, vendors: StandIns) -> None:
    side = under(FREE + _obligation('{"type": "redact", "path": "text"}', POST))
    assert ground.go(side, _post(side)).state is CallState.SUCCEEDED
    [row] = _posted(vendors, ground.CHANNEL)
    assert row["text"] == "[redacted]"


def test_what_policy_caps_arrives_capped(under: Under, vendors: StandIns, priced_model: None) -> None:
    model = 'input.resource.tool == "llm.generate"'
    side = under(_obligation('{"type": "cap", "path": "max_tokens", "max": 900}', model))
    for asked, sent in ((4000, 900), (700, 700)):
        args = {**ground.triage_args(), "max_tokens": asked}
        assert ground.go(side, ground.spec_for(side, "llm.generate", "anthropic", args)).state is CallState.SUCCEEDED
        assert json.loads(vendors.log("/anthropic")[-1]["body"])["max_tokens"] == sent


def test_what_policy_routes_goes_to_the_other_model(under: Under, vendors: StandIns, priced_model: None) -> None:
    other = f'input.resource.tool == "llm.generate"\n\tinput.resource.model != "{ground.MODEL}"'
    side = under(_finding("ROUTE", other, f', "route": "anthropic/{ground.MODEL}"'))
    args = {**ground.triage_args(), "model": "a-larger-one"}
    assert ground.go(side, ground.spec_for(side, "llm.generate", "anthropic", args)).state is CallState.SUCCEEDED
    sent = [json.loads(row["body"])["model"] for row in vendors.log("/anthropic")]
    assert sent == [ground.MODEL]


def test_a_route_that_turns_in_a_circle_is_denied(under: Under, vendors: StandIns) -> None:
    there = _finding("ROUTE", f'{GET}\n\tinput.resource.connector == "servicenow"', ', "route": "second"')
    back = _finding("ROUTE", f'{GET}\n\tinput.resource.connector == "second"', ', "route": "servicenow"')
    side = under(there + back)
    ground.save_instance("second", vendors, side.admin, **ground.INSTANCES["servicenow"])
    done = ground.go(side, _read(side, vendors))
    assert (done.state, done.code, vendors.log("/api/now")) == (CallState.DENIED, "route_unsettled", [])


def test_a_call_that_was_throttled_comes_again_and_goes_through(
    under: Under, vendors: StandIns, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_at = clock.now_ns() + 30_000_000_000
    side = under(_finding("THROTTLE", f"{GET}\n\tinput.context.now_ns < {open_at}", ', "retry_after_s": 31'))
    held = ground.go(side, _read(side, vendors))
    assert (held.state, _again(side, held).state, vendors.log("/api/now")) == (
        CallState.THROTTLED,
        CallState.THROTTLED,
        [],
    )
    later = clock.now() + timedelta(seconds=31)
    assert held.retry_at is not None
    assert held.retry_at <= later
    monkeypatch.setattr(clock, "now", lambda: later)
    monkeypatch.setattr(clock, "now_ns", lambda: int(later.timestamp() * 1e9))
    assert _again(side, held).state is CallState.SUCCEEDED
    assert len(vendors.log("/api/now")) == 1


PLAIN = '{"type": "approval", "tier": "standard", "quorum": 1, "distinct_roles": false, "expires_s": 600}'
STEP_UP = _finding(
    "REQUIRE_STEP_UP",
    f"{UPDATE}\n\tcount(input.approvals) == 0",
    f', "obligations": [{PLAIN}]',
)


def test_a_step_up_is_demanded_even_where_the_rule_names_a_plain_tier(
    under: Under,
    vendors: StandIns,
    vote: Callable[..., Any],
    actor_of: Callable[..., Any],
) -> None:
    side = under(STEP_UP)
    senior = _senior(side, side.carol)
    spec = _update(side, vendors)
    waiting = ground.go(side, spec)
    request = _request(waiting)
    assert (request.tier, request.step_up, request.high) == ("high", True, True)
    with pytest.raises(StepUpRequired):
        vote(side, waiting.request_id, senior, reason="It is urgent.")
    by_code(senior, actor_of(senior, side.tenant), "0" * 64)
    with pytest.raises(StepUpRequired):
        vote(side, waiting.request_id, senior, reason="It is urgent.")
    assert (_again(side, waiting).state, ground.writes(vendors)) == (CallState.WAITING_APPROVAL, [])
    by_passkey(senior, actor_of(senior, side.tenant), request.action_digest)
    vote(side, waiting.request_id, senior, reason="It is urgent.")
    assert _again(side, waiting).state is CallState.SUCCEEDED
    assert _written(vendors, spec)["category"] == "network"


def test_a_plain_approval_that_is_there_already_does_not_satisfy_a_step_up(
    under: Under, vendors: StandIns, approve: Callable[..., Any]
) -> None:
    side = under("")
    waiting = ground.go(side, _update(side, vendors))
    assert _request(waiting).tier == "standard"
    under(_finding("REQUIRE_STEP_UP", f'{UPDATE}\n\tnot data.interlock.lib.approved("high")'))
    approve(side, waiting.request_id)
    done = _again(side, waiting)
    assert (done.state, done.code, ground.writes(vendors)) == (CallState.DENIED, "approval_not_accepted", [])


def test_as_many_people_are_asked_as_the_rule_names(under: Under, vendors: StandIns, vote: Callable[..., Any]) -> None:
    three = '{"type": "approval", "tier": "standard", "quorum": 3, "distinct_roles": false, "expires_s": 600}'
    side = under(_finding("REQUIRE_HITL", f"{GET}\n\tcount(input.approvals) == 0", f', "obligations": [{three}]'))
    waiting = ground.go(side, _read(side, vendors))
    for person in (side.bob, side.carol):
        vote(side, waiting.request_id, person)
        assert _again(side, waiting).state is CallState.WAITING_APPROVAL
    vote(side, waiting.request_id, _senior(side, side.dana))
    assert _again(side, waiting).state is CallState.SUCCEEDED


def test_a_rule_can_ask_for_one_person_of_each_role(under: Under, vendors: StandIns, vote: Callable[..., Any]) -> None:
    both = PLAIN.replace("}", ', "roles": ["approver", "auditor"]}')
    side = under(_finding("REQUIRE_HITL", f"{GET}\n\tcount(input.approvals) == 0", f', "obligations": [{both}]'))
    waiting = ground.go(side, _read(side, vendors))
    assert (_request(waiting).quorum, _request(waiting).roles) == (2, ["approver", "auditor"])
    for person in (side.bob, side.carol):
        vote(side, waiting.request_id, person)
        assert _again(side, waiting).state is CallState.WAITING_APPROVAL
    vote(side, waiting.request_id, _senior(side, side.dana))
    assert _again(side, waiting).state is CallState.SUCCEEDED


def test_a_rule_can_ask_for_people_of_different_roles(
    under: Under, vendors: StandIns, vote: Callable[..., Any]
) -> None:
    apart = PLAIN.replace("false", "true").replace('"quorum": 1', '"quorum": 2')
    side = under(_finding("REQUIRE_HITL", f"{GET}\n\tcount(input.approvals) == 0", f', "obligations": [{apart}]'))
    waiting = ground.go(side, _read(side, vendors))
    senior = _senior(side, side.dana)
    for person in (side.bob, side.carol):
        vote(side, waiting.request_id, person)
        assert _again(side, waiting).state is CallState.WAITING_APPROVAL
    vote(side, waiting.request_id, senior)
    assert _again(side, waiting).state is CallState.SUCCEEDED


def test_a_role_that_nobody_can_hold_cannot_be_asked_so_nobody_is(under: Under, vendors: StandIns) -> None:
    odd = PLAIN.replace("}", ', "roles": ["emperor"]}')
    side = under(_finding("REQUIRE_HITL", GET, f', "obligations": [{odd}]'))
    done = ground.go(side, _read(side, vendors))
    assert (done.state, done.code) == (CallState.DENIED, "obligation_unsupported")


WHY = '{"type": "require_reason"}'


def test_a_yes_without_a_reason_is_none_where_policy_wants_to_know_why(
    under: Under, vendors: StandIns, vote: Callable[..., Any]
) -> None:
    side = under(_obligation(WHY, UPDATE))
    spec = _update(side, vendors)
    waiting = ground.go(side, spec)
    with pytest.raises(ReasonNeeded):
        vote(side, waiting.request_id, side.bob)
    assert (_again(side, waiting).state, ground.writes(vendors)) == (CallState.WAITING_APPROVAL, [])
    vote(side, waiting.request_id, side.bob, reason="The caller waits for it.")
    assert _again(side, waiting).state is CallState.SUCCEEDED
    assert _written(vendors, spec)["category"] == "network"


def test_a_yes_that_gave_no_reason_before_policy_wanted_one_does_not_satisfy_it(
    under: Under, vendors: StandIns, vote: Callable[..., Any]
) -> None:
    side = under("")
    waiting = ground.go(side, _update(side, vendors))
    vote(side, waiting.request_id, side.bob)
    under(_obligation(WHY, UPDATE))
    done = _again(side, waiting)
    assert (done.state, done.code, ground.writes(vendors)) == (CallState.DENIED, "approval_without_reason", [])


def test_a_call_that_states_no_reason_is_refused_and_one_that_does_goes_ahead(under: Under, vendors: StandIns) -> None:
    side = under(FREE + _obligation(WHY, POST))
    refused = ground.go(side, _post(side))
    assert (refused.state, refused.code, _posted(vendors, ground.CHANNEL)) == (CallState.DENIED, "reason_required", [])
    assert ground.go(side, _post(side, reason="The team asked for it.")).state is CallState.SUCCEEDED
    assert len(_posted(vendors, ground.CHANNEL)) == 1


def test_a_rule_may_read_the_reason(under: Under, vendors: StandIns) -> None:
    side = under(FREE + _finding("DENY", f'{POST}\n\tinput.resource.reason != "on call"'))
    assert ground.go(side, _post(side, reason="just so")).state is CallState.DENIED
    assert ground.go(side, _post(side, reason="on call")).state is CallState.SUCCEEDED


@pytest.mark.parametrize(("sealed", "arrives"), [(True, 1), (False, 0)])
def test_what_must_be_sealed_first_arrives_only_under_a_checkpoint(
    under: Under, vendors: StandIns, monkeypatch: pytest.MonkeyPatch, sealed: bool, arrives: int
) -> None:
    monkeypatch.setattr(sending, "wait_sealed", lambda *_: sealed)
    side = under(FREE + _obligation('{"type": "seal_before_send"}', POST))
    ground.go(side, _post(side))
    assert len(_posted(vendors, ground.CHANNEL)) == arrives


TELL = '{"type": "notify", "channel": "approvals"}'


def _notices(call: Any) -> list[ToolCall]:
    with transaction.atomic():
        return list(ToolCall.objects.filter(idempotency_key__startswith=f"notice:{call.call_id}").order_by("id"))


def _send_all(call: Any) -> list[CallState]:
    return [notices.send(call_id=row.pk).state for row in _notices(call)]


def test_people_are_told_once_what_was_decided(under: Under, vendors: StandIns) -> None:
    side = under(FREE + _obligation(TELL, POST))
    done = ground.go(side, _post(side))
    assert done.state is CallState.SUCCEEDED
    assert _posted(vendors, ground.APPROVALS) == []
    assert [_send_all(done), _send_all(done), notices.catch_up()] == [[CallState.SUCCEEDED]] * 2 + [0]
    [row] = _posted(vendors, ground.APPROVALS)
    assert row["text"] == "Policy decided ALLOW: slack.message.post"
    assert "It was routed" not in json.dumps(row)
    with transaction.atomic():
        [ordered] = Event.objects.filter(type="tool.call.notice_ordered")
        assert Event.objects.filter(type="tool.call.completed").count() == 2
    assert ordered.run_id is not None


def test_people_are_told_of_a_refusal_too_and_a_lost_wake_up_is_made_good(under: Under, vendors: StandIns) -> None:
    side = under(FREE + _finding("DENY", POST, f', "obligations": [{TELL}]'))
    done = ground.go(side, _post(side))
    assert (done.state, notices.catch_up(), notices.catch_up()) == (CallState.DENIED, 1, 0)
    [row] = _posted(vendors, ground.APPROVALS)
    assert "Extra rule." in json.dumps(row["blocks"])


def test_a_message_whose_reply_was_lost_is_looked_for_and_not_sent_again(under: Under, vendors: StandIns) -> None:
    side = under(FREE + _obligation(TELL, POST))
    done = ground.go(side, _post(side))
    vendors.fault("drop_after", method="POST", path="/api/chat.postMessage")
    assert _send_all(done) == [CallState.UNKNOWN]
    notice = _notices(done)[0]
    assert gateway.probe(call_id=notice.pk, actor=ground.worker(side)).state is CallState.SUCCEEDED
    assert len(_posted(vendors, ground.APPROVALS)) == 1


def test_a_throttled_call_tells_once_however_often_it_comes(under: Under, vendors: StandIns) -> None:
    side = under(_finding("THROTTLE", GET, f', "retry_after_s": 5, "obligations": [{TELL}]'))
    held = ground.go(side, _read(side, vendors))
    for _ in range(3):
        _again(side, held)
    assert len(_notices(held)) == 1


def test_a_channel_may_be_named_and_what_the_platform_says_itself_is_not_told_of(
    under: Under, vendors: StandIns
) -> None:
    tell = f'{{"type": "notify", "channel": "{ground.CHANNEL}"}}'
    side = under(FREE + _obligation(tell, "input.action"))
    done = ground.go(side, _post(side))
    assert _send_all(done) == [CallState.SUCCEEDED]
    assert [row["text"] for row in _posted(vendors, ground.CHANNEL)][1:] == ["Policy decided ALLOW: slack.message.post"]
    assert _notices(replace(done, call_id=_notices(done)[0].pk)) == []


def test_where_nobody_can_be_told_the_call_does_not_go_ahead(bare: SimpleNamespace, vendors: StandIns) -> None:
    ground.publish(bare, bare.admin, extra=PackSource(HEADER + _obligation(TELL, GET)))
    done = ground.go(bare, _read(bare, vendors))
    assert (done.state, done.code, vendors.log("/api/now")) == (CallState.DENIED, "obligation_unsupported", [])


def test_a_finding_that_is_only_observed_lets_the_call_through_and_stands_in_the_record(
    under: Under, vendors: StandIns
) -> None:
    side = under(FREE + _finding("DENY", POST, f', "enforcement": "observe", "obligations": [{TELL}]'))
    done = ground.go(side, _post(side))
    assert (done.state, _notices(done), len(_posted(vendors, ground.CHANNEL))) == (CallState.SUCCEEDED, [], 1)
    with transaction.atomic():
        row = DecisionRecord.objects.get(call_id=done.call_id)
        told = Event.objects.get(pk=row.evidence_id)
    assert (row.effect, row.reasons, [found["code"] for found in row.observed]) == ("ALLOW", [], ["extra"])
    assert b'"observed":[{"code":"extra","effect":"DENY","rule":"extra"}]' in bytes(told.body)
