"""A click in Slack proves a Slack user; who that is and what they may do is decided here."""

import json
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import pytest
from django.db import connection, transaction
from django.test import Client
from slack_sdk.signature import SignatureVerifier

from approvals.models import ApprovalRequest, Vote
from approvals.types import State
from connectors import cards, gateway, inbound, services, wakeups
from connectors.calls import CallState, CallStatus
from connectors.models import ApprovalCard, ConnectorInstance, ToolCall
from connectors.sandbox import accounts
from controlplane.lib import clock
from tenants import scope
from tenants.models import User
from tests import gateway_ground as ground
from tests.stand_ins import StandIns

PEOPLE = {"U0BOB": "bob", "U0ALICE": "alice"}


@pytest.fixture
def scheduled(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Cards that a worker was asked to show; the test is the worker."""
    asked: list[Any] = []
    monkeypatch.setattr(wakeups, "async_task", lambda _task, _tenant, request_id: asked.append(request_id))
    return asked


@pytest.fixture
def door(ready: SimpleNamespace, vendors: StandIns, scheduled: list[Any]) -> SimpleNamespace:
    """Slack with a channel for approvals, Bob and Alice linked; outside any scope, as requests come."""
    spec = ground.INSTANCES["slack"]
    config = {**spec["config"], "approvals_channel": ground.APPROVALS}
    ground.save_instance("slack", vendors, ready.admin, **{**spec, "config": config})
    for slack_user, name in PEOPLE.items():
        services.link_slack_user(
            team_id=accounts.SLACK_TEAM,
            slack_user_id=slack_user,
            user_id=getattr(ready, name).id,
            actor=ready.admin,
        )
    with transaction.atomic():
        service = User.objects.create(username="slack@a.test", kind=User.Kind.SERVICE)
        instance = ConnectorInstance.objects.get(name="slack")
    made = services.create_endpoint(
        name="slack",
        scheme="slack",
        environment_id=ready.environment.id,
        instance_id=instance.pk,
        service_id=service.pk,
        secret_ref="cred:slack-signing",
        actor=ready.admin,
    )
    ready.token = made.token
    return ready


@pytest.fixture
def asked(door: SimpleNamespace, vendors: StandIns) -> CallStatus:
    """A write that waits, with its card posted."""
    args = ground.update_args(vendors.incident(category="inquiry"))
    waiting = ground.go(door, ground.spec_for(door, "servicenow.incident.update", "servicenow", args))
    cards.show(request_id=waiting.request_id)
    return waiting


def _request(asked: CallStatus) -> ApprovalRequest:
    with transaction.atomic():
        return ApprovalRequest.objects.get(pk=asked.request_id)


def _value(asked: CallStatus) -> str:
    return f"{asked.request_id}.{_request(asked).display_digest}"


def _click(token: str, action: str, value: str, *, user: str = "U0BOB", **changes: Any) -> Any:
    payload = {
        "type": "block_actions",
        "team": {"id": accounts.SLACK_TEAM},
        "user": {"id": user, "team_id": accounts.SLACK_TEAM},
        "api_app_id": accounts.SLACK_APP,
        "channel": {"id": ground.APPROVALS},
        "trigger_id": "unknown",
        "actions": [{"action_id": action, "block_id": "b", "type": "button", "value": value}],
        **changes,
    }
    return _send(token, payload)


def _send(token: str, payload: dict[str, Any], *, secret: str = accounts.SLACK_SIGNING_SECRET, at: str = "") -> Any:
    """As Slack does, from outside any scope."""
    body = urlencode({"payload": json.dumps(payload)})
    timestamp = at or str(clock.now_ms() // 1000)
    signature = SignatureVerifier(secret).generate_signature(timestamp=timestamp, body=body)
    headers = {"X-Slack-Request-Timestamp": timestamp, "X-Slack-Signature": signature}
    kind = "application/x-www-form-urlencoded"
    entered = scope._tenant.set(None)
    try:
        return Client().post(f"/slack/{token}", body, content_type=kind, headers=headers)
    finally:
        scope._tenant.reset(entered)
        scope.announce(connection)


def _messages(vendors: StandIns) -> list[dict[str, Any]]:
    channel = vendors.ctl("state", method="GET")["slack"]["channels"][ground.APPROVALS]
    return list(channel.values())


def _told(vendors: StandIns) -> list[str]:
    return [row["text"] for row in vendors.ctl("state", method="GET")["slack"]["ephemerals"]]


def test_the_card_shows_the_diff_the_reason_and_the_undo(asked: CallStatus, vendors: StandIns) -> None:
    (message,) = _messages(vendors)
    shown = json.dumps(message["blocks"])
    assert "Category: " in shown
    assert "Undo: Put back category" in shown
    assert '"approve"' in shown
    assert '"mrkdwn"' not in shown, "what comes from tickets is never markup"


def test_a_linked_approver_approves_and_the_card_follows(
    door: SimpleNamespace, asked: CallStatus, vendors: StandIns, scheduled: list[Any]
) -> None:
    assert _click(door.token, "approve", _value(asked)).status_code == 200
    assert _request(asked).state == State.APPROVED
    done = gateway.advance(call_id=asked.call_id, actor=ground.worker(door))
    assert done.state is CallState.SUCCEEDED
    assert scheduled[-1] == str(asked.request_id)
    (updated,) = cards.show(request_id=asked.request_id)
    assert updated.state is CallState.SUCCEEDED, updated
    (message,) = _messages(vendors)
    shown = json.dumps(message["blocks"])
    assert "carried out" in shown
    assert "Bob" in shown
    assert '"approve"' not in shown


def test_showing_a_card_again_posts_nothing_new(asked: CallStatus, vendors: StandIns) -> None:
    cards.show(request_id=asked.request_id)
    assert len(_messages(vendors)) == 1
    with transaction.atomic():
        assert ApprovalCard.objects.count() == 1
        assert ToolCall.objects.filter(tool="slack.message.update").count() == 0


@pytest.mark.parametrize(
    ("user", "words"),
    [("U0CAROL", "not linked"), ("U0ALICE", "permission")],
)
def test_others_are_told_why_not_and_nothing_is_decided(
    door: SimpleNamespace, asked: CallStatus, vendors: StandIns, user: str, words: str
) -> None:
    assert _click(door.token, "approve", _value(asked), user=user).status_code == 200
    assert _request(asked).state == State.PENDING
    assert [words in text for text in _told(vendors)] == [True]


@pytest.mark.parametrize(
    "changes",
    [
        {"team": {"id": "T0ELSEWHERE"}},
        {"user": {"id": "U0BOB", "team_id": "T0ELSEWHERE"}},
        {"api_app_id": "A0OTHER"},
    ],
)
def test_clicks_from_elsewhere_decide_nothing(
    door: SimpleNamespace, asked: CallStatus, changes: dict[str, Any]
) -> None:
    _click(door.token, "approve", _value(asked), **changes)
    assert _request(asked).state == State.PENDING


def test_a_card_that_showed_something_else_decides_nothing(
    door: SimpleNamespace, asked: CallStatus, vendors: StandIns
) -> None:
    _click(door.token, "approve", f"{asked.request_id}.{'0' * 64}")
    assert _request(asked).state == State.PENDING
    assert len(_told(vendors)) == 1


def test_a_forged_click_is_refused(door: SimpleNamespace, asked: CallStatus) -> None:
    payload = {"type": "block_actions", "actions": [{"action_id": "approve", "value": _value(asked)}]}
    assert _send(door.token, payload, secret="guessed").status_code == 401
    assert _send(door.token, payload, at="soon").status_code == 401
    assert _send("no-such-door", payload).status_code == 404
    assert _request(asked).state == State.PENDING


def test_the_same_bytes_again_do_nothing(door: SimpleNamespace, asked: CallStatus, vendors: StandIns) -> None:
    payload = {
        "type": "block_actions",
        "team": {"id": accounts.SLACK_TEAM},
        "user": {"id": "U0CAROL"},
        "api_app_id": accounts.SLACK_APP,
        "channel": {"id": ground.APPROVALS},
        "actions": [{"action_id": "approve", "block_id": "b", "type": "button", "value": _value(asked)}],
    }
    at = str(clock.now_ms() // 1000)
    assert [_send(door.token, payload, at=at).status_code for _ in range(2)] == [200, 200]
    assert len(_told(vendors)) == 1


def test_rejecting_asks_for_the_reason_and_takes_it_from_the_dialogue(door: SimpleNamespace, asked: CallStatus) -> None:
    view = {
        "type": "modal",
        "callback_id": "reject_reason",
        "private_metadata": _value(asked),
        "state": {"values": {"reason": {"reason": {"type": "plain_text_input", "value": "wrong group"}}}},
    }
    payload = {
        "type": "view_submission",
        "team": {"id": accounts.SLACK_TEAM},
        "user": {"id": "U0BOB"},
        "api_app_id": accounts.SLACK_APP,
        "view": view,
    }
    assert _send(door.token, payload).status_code == 200
    assert _request(asked).state == State.REJECTED
    with transaction.atomic():
        assert Vote.objects.get(request_id=asked.request_id).reason == "wrong group"
    done = gateway.advance(call_id=asked.call_id, actor=ground.worker(door))
    assert done.state is CallState.REJECTED


def test_a_refused_rejection_is_told_in_the_dialogue(door: SimpleNamespace, asked: CallStatus) -> None:
    payload = {
        "type": "view_submission",
        "team": {"id": accounts.SLACK_TEAM},
        "user": {"id": "U0CAROL"},
        "api_app_id": accounts.SLACK_APP,
        "view": {"type": "modal", "callback_id": "reject_reason", "private_metadata": _value(asked)},
    }
    answer = _send(door.token, payload).json()
    assert answer["response_action"] == "errors"
    assert _request(asked).state == State.PENDING


def test_a_dialogue_that_cannot_be_opened_is_told(door: SimpleNamespace, asked: CallStatus, vendors: StandIns) -> None:
    assert _click(door.token, "reject", _value(asked)).status_code == 200
    assert ["console" in text for text in _told(vendors)] == [True]


def test_a_card_whose_wake_up_was_lost_is_caught_up_with(
    door: SimpleNamespace, vendors: StandIns, approve: Callable[..., Any]
) -> None:
    args = ground.update_args(vendors.incident(category="inquiry"))
    waiting = ground.go(door, ground.spec_for(door, "servicenow.incident.update", "servicenow", args))
    assert cards.catch_up() == 1
    assert len(_messages(vendors)) == 1
    assert cards.catch_up() == 0
    approve(door, waiting.request_id)
    assert cards.catch_up() == 1
    assert "Approved" in json.dumps(_messages(vendors)[0]["blocks"])
    assert cards.catch_up() == 0


def test_a_card_that_slack_refuses_for_good_is_given_up(door: SimpleNamespace, vendors: StandIns) -> None:
    spec = ground.INSTANCES["slack"]
    config = {**spec["config"], "approvals_channel": "C0PRIVATE"}
    ground.save_instance("slack", vendors, door.admin, **{**spec, "config": config})
    args = ground.update_args(vendors.incident(category="inquiry"))
    ground.go(door, ground.spec_for(door, "servicenow.incident.update", "servicenow", args))
    assert [cards.catch_up(), cards.catch_up()] == [1, 0]


def test_replay_guards_are_dropped_when_the_window_is_over(door: SimpleNamespace, asked: CallStatus) -> None:
    _click(door.token, "open_console", "")
    assert inbound.forget_slack_deliveries() == 0
    with clock.frozen(clock.now() + timedelta(minutes=16)):
        assert inbound.forget_slack_deliveries() == 1
