"""Clicks that must decide nothing: each is refused on both ways in, nothing is voted, nothing is sent."""

import json
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import pytest
from django.db import transaction

from approvals.models import ApprovalRequest, Vote
from approvals.types import State
from connectors import access, services
from connectors.calls import CallState
from connectors.models import ApprovalCard, SlackIdentity, ToolCall, WebhookEndpoint
from connectors.sandbox import accounts
from controlplane.lib import clock
from tenants.models import Membership, User
from tenants.services import withdraw_role
from tests import gateway_ground as ground
from tests import slack_ground as slack
from tests.slack_ground import Desk

http_only = pytest.mark.parametrize("way", [slack.HTTP], indirect=True)
socket_only = pytest.mark.parametrize("way", [slack.SOCKET], indirect=True)


@pytest.fixture(autouse=True)
def nothing_happened(desk: Desk) -> Any:
    """After every attack: no vote, the request waits, nothing was written at ServiceNow."""
    yield
    with transaction.atomic():
        assert not Vote.objects.exists()
        assert ToolCall.objects.get(pk=desk.request().call_id).state == CallState.WAITING_APPROVAL
    assert desk.request().state == State.PENDING
    assert ground.writes(desk.vendors) == []


# --- who clicks ----------------------------------------------------------------------------------------------


def test_strangers_and_members_without_permission_are_told_why_not(desk: Desk) -> None:
    assert desk.press("approve", user="U0CAROL").status == 200
    assert desk.press("approve", user="U0ALICE").status == 200
    stranger, member = desk.told()
    assert ("not linked" in stranger, "permission" in member) == (True, True)


def test_a_user_who_was_unlinked_since_decides_nothing(desk: Desk) -> None:
    payload = desk.pressed("approve")
    with transaction.atomic():
        identity = SlackIdentity.objects.get(slack_user_id="U0BOB")
    services.unlink_slack_user(identity_id=identity.pk, actor=desk.side.admin)
    desk.send(payload)
    assert "not linked" in desk.told()[0]


def test_a_linked_person_who_may_not_sign_in_any_more_decides_nothing(desk: Desk) -> None:
    with transaction.atomic():
        User.objects.filter(pk=desk.side.bob.id).update(is_active=False)
    desk.press("approve")
    assert "not linked" in desk.told()[0]


def test_a_linked_person_who_left_the_tenant_decides_nothing(desk: Desk) -> None:
    with transaction.atomic():
        held = Membership.objects.get(user_id=desk.side.bob.id)
    withdraw_role(membership_id=held.pk, actor=desk.side.admin)
    desk.press("approve")
    assert desk.told() == ["No such approval request"]


ELSEWHERE: tuple[dict[str, Any], ...] = (
    {"team": {"id": "T0ELSEWHERE"}},
    {"team": None},
    {"user": {"id": "U0BOB", "team_id": "T0ELSEWHERE"}},
    {"api_app_id": "A0OTHER"},
    {"api_app_id": None},
)


def test_interactions_of_another_team_or_app_decide_nothing(desk: Desk) -> None:
    for changes in ELSEWHERE:
        desk.press("approve", **changes)
        desk.send(desk.submitted("because", **changes))
        assert desk.request().state == State.PENDING, changes
    assert desk.told() == [], "nothing is said to people of other teams"


def test_a_dialogue_is_not_even_opened_for_somebody_elsewhere(desk: Desk) -> None:
    desk.press("reject", team={"id": "T0ELSEWHERE"})
    with transaction.atomic():
        assert not ToolCall.objects.filter(tool="slack.view.open").exists()


# --- what is clicked -----------------------------------------------------------------------------------------


def test_a_button_that_stands_elsewhere_decides_nothing(desk: Desk) -> None:
    places = ({"channel": {"id": ground.CHANNEL}}, {"channel": None}, {"message": {"ts": "1.2"}}, {"message": None})
    for changes in places:
        desk.press("approve", **changes)
        assert desk.request().state == State.PENDING, changes


def test_somebody_elses_marker_does_not_make_a_message_ours(desk: Desk) -> None:
    with transaction.atomic():
        ApprovalCard.objects.update(message_ts="")
    payload = {"event_type": "interlock_message", "event_payload": {"marker": "[interlock:guessed]"}}
    desk.press("approve", message={"ts": "1700000000.000001", "metadata": payload})


def test_a_dialogue_that_carries_something_else_decides_nothing(desk: Desk) -> None:
    value, ts = desk.value(), desk.messages()[-1]["ts"]
    for carried in ("", "x", "C0ITSM 1.2 ", value, f"{value} C0ITSM {ts} ", f"{value} C0APPROVALS 1700000000.000001 "):
        payload = desk.submitted("because")
        payload["view"]["private_metadata"] = carried
        assert desk.send(payload).body["response_action"] == "errors", carried
        assert desk.request().state == State.PENDING, carried


def test_a_card_that_showed_something_else_decides_nothing(desk: Desk) -> None:
    desk.press("approve", value=f"{desk.request_id}.{'0' * 64}")
    assert len(desk.told()) == 1


def test_an_edited_value_decides_nothing(desk: Desk) -> None:
    values = (" ", "nonsense", f"{uuid4()}.{'0' * 64}", f"{desk.request_id}", f"{desk.request_id}.")
    for value in values:
        desk.press("approve", value=value)
        assert desk.request().state == State.PENDING, value
    assert len(desk.told()) == len(values)


def test_a_link_holds_in_one_tenant_only(desk: Desk, elsewhere: Any, world: SimpleNamespace) -> None:
    with elsewhere(world.b.tenant), transaction.atomic():
        assert access.slack_identity(accounts.SLACK_TEAM, "U0BOB") is None


def test_a_vote_after_the_deadline_is_refused(desk: Desk) -> None:
    with transaction.atomic():
        ApprovalRequest.objects.update(expires_at=clock.now() - timedelta(seconds=1))
    desk.press("approve")
    assert "run out" in desk.told()[0]


# --- the same click again, and late --------------------------------------------------------------------------


def test_the_same_click_again_is_answered_and_not_repeated(desk: Desk) -> None:
    payload = desk.pressed("approve", user="U0CAROL")
    at = "env-1"
    assert [desk.send(payload, envelope=at).status for _ in range(2)] == [200, 200]
    assert len(desk.told()) == 1, "told once, so handled once"


def test_the_same_click_signed_anew_or_in_a_new_envelope_is_not_repeated(desk: Desk) -> None:
    payload = desk.pressed("approve", user="U0CAROL")
    desk.send(payload)
    with clock.frozen(clock.now() + timedelta(seconds=2)):
        assert desk.send(payload).status == 200
    assert len(desk.told()) == 1


@socket_only
def test_an_old_click_in_a_new_envelope_is_refused(desk: Desk) -> None:
    now = clock.now().timestamp()
    for when in (str(now - 301), str(now + 301), "", "soon", None):
        payload = desk.pressed("approve")
        payload["actions"][0]["action_ts"] = when
        assert desk.send(payload).status == 200, "acknowledged, so that Slack does not send it again"
        assert desk.request().state == State.PENDING, when


# --- forged bytes, over HTTP ---------------------------------------------------------------------------------


@http_only
def test_what_slack_did_not_sign_just_now_is_refused(desk: Desk) -> None:
    payload = desk.pressed("approve")
    old = str(clock.now_ms() // 1000 - 301)
    for how in ({"secret": "guessed"}, *({"at": at} for at in ("soon", "9999999999", "-1", "1e9", old))):
        with slack.outside():
            assert slack.over_http(desk.side.token, payload, **how).status == 401, how


@http_only
def test_bytes_changed_after_signing_are_refused(desk: Desk) -> None:
    signed = urlencode({"payload": json.dumps(desk.pressed("approve", user="U0CAROL"))})
    with slack.outside():
        assert slack.post(desk.side.token, signed, sent=signed.replace("U0CAROL", "U0BOB")).status == 401


@http_only
def test_signed_nonsense_does_nothing(desk: Desk) -> None:
    for body in ("", "payload=", "payload=%7B", "payload=%5B%5D", "x=1", "payload=%FF"):
        with slack.outside():
            assert slack.post(desk.side.token, body).status == 422, body


@http_only
def test_no_other_address_is_a_door(desk: Desk) -> None:
    payload = desk.pressed("approve")
    with slack.outside():
        assert slack.over_http("no-such-door", payload).status == 404


@http_only
def test_a_door_that_was_switched_off_is_closed(desk: Desk) -> None:
    _switch_off(desk, "slack")
    assert desk.press("approve").status == 404


@socket_only
def test_an_envelope_for_an_endpoint_that_was_switched_off_is_not_taken_in(desk: Desk) -> None:
    _switch_off(desk, "slack-socket")
    assert desk.press("approve").status == 0


def _switch_off(desk: Desk, name: str) -> None:
    with transaction.atomic():
        found = WebhookEndpoint.objects.get(name=name)
    services.switch_endpoint(endpoint_id=found.pk, enabled=False, actor=desk.side.admin)
