"""A click in Slack proves a Slack user; who that is and what they may do is decided here, whichever way it came."""

import json
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

from django.db import transaction

from approvals.models import Vote
from approvals.types import State
from connectors import cards, gateway, inbound
from connectors.calls import CallState
from connectors.models import ApprovalCard, ToolCall
from controlplane.lib import clock
from tests import gateway_ground as ground
from tests.slack_ground import Desk
from tests.stand_ins import StandIns


def test_the_card_shows_the_diff_the_reason_and_the_undo(desk: Desk) -> None:
    (message,) = desk.messages()
    shown = json.dumps(message["blocks"])
    assert "Category: " in shown
    assert "Undo: Put back category" in shown
    assert '"approve"' in shown
    assert '"mrkdwn"' not in shown, "what comes from tickets is never markup"


def test_a_linked_approver_approves_and_the_card_follows(desk: Desk, scheduled: list[Any]) -> None:
    assert desk.press("approve").status == 200
    assert desk.request().state == State.APPROVED
    done = gateway.advance(call_id=desk.request().call_id, actor=ground.worker(desk.side))
    assert done.state is CallState.SUCCEEDED
    assert scheduled[-1] == str(desk.request_id)
    (updated,) = cards.show(request_id=desk.request_id)
    assert updated.state is CallState.SUCCEEDED, updated
    (message,) = desk.messages()
    shown = json.dumps(message["blocks"])
    assert "carried out" in shown
    assert "Bob" in shown
    assert '"approve"' not in shown


def test_a_click_that_is_faster_than_our_own_records_counts(desk: Desk) -> None:
    """The message is there; that it is, we have not written down yet. Its marker says the same."""
    with transaction.atomic():
        ApprovalCard.objects.update(message_ts="")
    assert desk.press("approve").status == 200
    assert desk.request().state == State.APPROVED


def test_showing_a_card_again_posts_nothing_new(desk: Desk) -> None:
    cards.show(request_id=desk.request_id)
    assert len(desk.messages()) == 1
    with transaction.atomic():
        assert ApprovalCard.objects.count() == 1
        assert ToolCall.objects.filter(tool="slack.message.update").count() == 0


def test_rejecting_asks_for_the_reason_and_takes_it_from_the_dialogue(desk: Desk) -> None:
    assert desk.send(desk.submitted("wrong group")).status == 200
    assert desk.request().state == State.REJECTED
    with transaction.atomic():
        assert Vote.objects.get(request_id=desk.request_id).reason == "wrong group"
    done = gateway.advance(call_id=desk.request().call_id, actor=ground.worker(desk.side))
    assert done.state is CallState.REJECTED


def test_a_refused_rejection_is_told_in_the_dialogue(desk: Desk) -> None:
    answer = desk.send(desk.submitted("wrong group", user="U0CAROL"))
    assert answer.body["response_action"] == "errors"
    assert desk.request().state == State.PENDING


def test_a_dialogue_that_cannot_be_opened_is_told(desk: Desk) -> None:
    assert desk.press("reject").status == 200
    assert ["console" in text for text in desk.told()] == [True]


def test_a_card_whose_wake_up_was_lost_is_caught_up_with(
    door: SimpleNamespace, vendors: StandIns, approve: Callable[..., Any]
) -> None:
    args = ground.update_args(vendors.incident(category="inquiry"))
    waiting = ground.go(door, ground.spec_for(door, "servicenow.incident.update", "servicenow", args))
    desk = Desk(door, vendors, "http", waiting.request_id)
    assert cards.catch_up() == 1
    assert len(desk.messages()) == 1
    assert cards.catch_up() == 0
    approve(door, waiting.request_id)
    assert cards.catch_up() == 1
    assert "Approved" in json.dumps(desk.messages()[0]["blocks"])
    assert cards.catch_up() == 0


def test_a_card_that_slack_refuses_for_good_is_given_up(door: SimpleNamespace, vendors: StandIns) -> None:
    spec = ground.INSTANCES["slack"]
    config = {**spec["config"], "approvals_channel": "C0PRIVATE"}
    ground.save_instance("slack", vendors, door.admin, **{**spec, "config": config})
    args = ground.update_args(vendors.incident(category="inquiry"))
    ground.go(door, ground.spec_for(door, "servicenow.incident.update", "servicenow", args))
    assert [cards.catch_up(), cards.catch_up()] == [1, 0]


def test_replay_guards_are_dropped_when_the_window_is_over(desk: Desk) -> None:
    desk.press("approve")
    assert inbound.forget_slack_deliveries() == 0
    with clock.frozen(clock.now() + timedelta(minutes=16)):
        assert inbound.forget_slack_deliveries() == 2, "of the click and of its trigger"
