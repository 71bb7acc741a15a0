"""A card says what is true, whatever ended the question and wherever that happened."""

import json
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from approvals import services as approvals
from approvals.expiring import expire_due
from approvals.models import ApprovalRequest
from approvals.types import State, Verdict
from approvals.withdrawing import withdraw
from connectors import cards, gateway
from connectors.calls import CallState, CallStatus
from connectors.models import ToolCall
from controlplane.lib import clock
from tenants.actors import Actor
from tests import gateway_ground as ground
from tests import slack_ground as slack
from tests.slack_ground import Desk
from tests.stand_ins import StandIns


@pytest.fixture(params=[slack.HTTP])
def way(request: pytest.FixtureRequest) -> str:
    """How cards are updated does not depend on how clicks come in."""
    return str(request.param)


def _shown(desk: Desk) -> str:
    cards.show(request_id=desk.request_id)
    (message,) = desk.messages()
    return json.dumps(message["blocks"])


def _rejected(desk: Desk, approve: Callable[..., Any]) -> None:
    approve(desk.side, desk.request_id, Verdict.REJECT)


def _expired(desk: Desk, _: Callable[..., Any]) -> None:
    past = clock.now() - timedelta(seconds=1)
    with transaction.atomic():
        ApprovalRequest.objects.update(expires_at=past, due_at=past)
    with slack.outside():
        expire_due()


def _voided(desk: Desk, _: Callable[..., Any]) -> None:
    with transaction.atomic():
        approvals.void(request_id=desk.request_id, reason="the action has changed", actor=ground.worker(desk.side))


def _withdrawn(desk: Desk, _: Callable[..., Any]) -> None:
    withdraw(request_id=desk.request_id, reason="not needed any more", actor=_dana(desk.side))


def _dana(side: SimpleNamespace) -> Actor:
    return Actor(side.dana.kind, side.dana.id, side.tenant.id, side.dana.label, "session")


@pytest.mark.parametrize(
    ("end", "state", "words"),
    [
        (_rejected, State.REJECTED, "Rejected"),
        (_expired, State.EXPIRED, "Expired, nothing was done"),
        (_voided, State.VOIDED, "No longer asked, nothing was done"),
        (_withdrawn, State.WITHDRAWN, "Withdrawn by those who asked"),
    ],
)
def test_whatever_ends_a_question_its_card_says_so_at_once(
    desk: Desk, scheduled: list[Any], approve: Callable[..., Any], end: Callable[..., None], state: State, words: str
) -> None:
    scheduled.clear()
    end(desk, approve)
    assert desk.request().state == state
    assert scheduled == [str(desk.request_id)], "a worker was asked in the same transaction"
    shown = _shown(desk)
    assert words in shown
    assert '"actions"' not in shown, "nothing is left to press"


def test_a_yes_that_is_taken_back_leaves_the_card_at_once(desk: Desk, scheduled: list[Any]) -> None:
    with transaction.atomic():
        ApprovalRequest.objects.update(quorum=2)
    assert desk.press("approve").status == 200
    assert "1 of 2: Bob" in _shown(desk)
    scheduled.clear()
    bob = desk.side.bob
    session = Actor(bob.kind, bob.id, desk.side.tenant.id, bob.label, "session")
    approvals.take_back(request_id=desk.request_id, reason="I looked again", actor=session)
    assert scheduled == [str(desk.request_id)]
    assert "Bob" not in _shown(desk)


def test_a_card_shows_what_was_decided_before_about_the_same_tool(desk: Desk, vendors: StandIns) -> None:
    assert "Decided before" not in json.dumps(desk.messages()[-1]["blocks"]), "nothing was"
    with transaction.atomic():
        title = desk.request().title
    assert desk.press("approve").status == 200
    _ask_again(desk, vendors)
    shown = json.dumps(desk.messages()[-1]["blocks"])
    assert "Decided before about this tool:" in shown
    assert f"approved {clock.now():%Y-%m-%d}: {title}" in shown


def test_what_is_decided_after_a_card_was_written_does_not_change_it(desk: Desk, vendors: StandIns) -> None:
    first = desk.request_id
    _ask_again(desk, vendors)
    desk.request_id, second = first, desk.request_id
    with transaction.atomic():
        ApprovalRequest.objects.filter(pk=second).update(quorum=2)
    withdraw(request_id=first, reason="not needed any more", actor=_dana(desk.side))
    desk.request_id = second
    assert desk.press("approve").status == 200
    cards.show(request_id=second)
    assert "Decided before" not in json.dumps(desk.messages()[-1]["blocks"])


def _ask_again(desk: Desk, vendors: StandIns) -> None:
    args = ground.update_args(vendors.incident(category="inquiry"))
    waiting = ground.go(desk.side, ground.spec_for(desk.side, "servicenow.incident.update", "servicenow", args))
    assert waiting.request_id is not None
    cards.show(request_id=waiting.request_id)
    desk.request_id = waiting.request_id


def test_what_the_sweeper_looks_for_it_finds_by_an_index(desk: Desk) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        with CaptureQueriesContext(connection) as seen:
            cards.behind(50)
        for query, index in zip(seen.captured_queries, ("approval_opened", "approval_decided"), strict=True):
            cursor.execute(f"EXPLAIN {query['sql']}")
            plan = "\n".join(row[0] for row in cursor.fetchall())
            assert f"using {index}" in plan, plan
            assert "Seq Scan on approvals" not in plan


def test_while_more_people_are_needed_the_card_counts(desk: Desk, scheduled: list[Any]) -> None:
    with transaction.atomic():
        ApprovalRequest.objects.update(quorum=2)
    scheduled.clear()
    assert desk.press("approve").status == 200
    assert scheduled == [str(desk.request_id)]
    shown = _shown(desk)
    assert "1 of 2: Bob" in shown
    assert '"approve"' in shown, "it still waits"
    assert "2 people must say yes" in shown
    slack.link(desk.side, "U0CAROL", desk.side.carol.id)
    assert desk.press("approve", user="U0CAROL").status == 200
    assert desk.request().state == State.APPROVED
    assert "2 of 2: Bob, Carol" in _shown(desk)


def test_a_high_tier_is_decided_in_the_console_only(desk: Desk) -> None:
    """The card has no button for it; a click that is made up nevertheless decides nothing."""
    with transaction.atomic():
        ApprovalRequest.objects.update(step_up=True)
    payload = desk.pressed("approve")
    desk.send(payload)
    assert desk.request().state == State.PENDING
    assert "second factor" in desk.told()[0]


def test_slack_asks_us_to_wait_and_the_card_is_posted_later(door: SimpleNamespace, vendors: StandIns) -> None:
    """429 with Retry-After: nothing is sent again before that, then the card stands there once."""
    vendors.fault("429", path="chat.postMessage", args={"retry_after": 90})
    args = ground.update_args(vendors.incident(category="inquiry"))
    waiting = ground.go(door, ground.spec_for(door, "servicenow.incident.update", "servicenow", args))
    (first,) = cards.show(request_id=waiting.request_id)
    assert (first.state, first.code) == (CallState.FAILED_TRANSIENT, "rate_limited")
    assert _wait_s(first) == pytest.approx(90, abs=60)
    cards.catch_up()
    desk = Desk(door, vendors, slack.HTTP, waiting.request_id)
    assert desk.messages() == [], "too early"
    with clock.frozen(clock.now() + timedelta(seconds=100)):
        cards.catch_up()
    assert len(desk.messages()) == 1


def _wait_s(status: CallStatus) -> float:
    with transaction.atomic():
        call = ToolCall.objects.get(pk=status.call_id)
    assert call.retry_at is not None
    return (call.retry_at - clock.now()).total_seconds()


def test_a_card_whose_reply_was_lost_is_found_and_not_posted_again(door: SimpleNamespace, vendors: StandIns) -> None:
    vendors.fault("drop_after", path="chat.postMessage")
    args = ground.update_args(vendors.incident(category="inquiry"))
    waiting = ground.go(door, ground.spec_for(door, "servicenow.incident.update", "servicenow", args))
    (first,) = cards.show(request_id=waiting.request_id)
    assert first.state is CallState.UNKNOWN
    with clock.frozen(clock.now() + timedelta(seconds=30)):
        gateway.probe(call_id=first.call_id, actor=ground.worker(door))
        cards.catch_up()
    assert len(Desk(door, vendors, slack.HTTP, waiting.request_id).messages()) == 1
