"""Socket Mode from end to end: the stand-in's envelopes over real WebSockets to our own listeners, commits real."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction

from approvals.models import Vote
from approvals.types import State
from connectors import services
from connectors.line_models import SlackLine
from connectors.models import WebhookEndpoint
from connectors.sandbox import accounts
from connectors.slack import reports
from connectors.slack.listening import Switchboard
from connectors.slack.transport_socket import SocketLine
from controlplane import doctor
from controlplane.lib import clock
from tenants import vault
from tests import slack_ground as slack
from tests.slack_ground import Desk
from tests.stand_ins import StandIns
from tests.waiting import until


@pytest.fixture
def way() -> str:
    return slack.SOCKET


@pytest.fixture
def board(committed_db: str, desk: Desk, vendors: StandIns) -> Iterator[Switchboard]:
    vendors.ctl("slack/config", {"socket_mode": True})
    board = Switchboard()
    with slack.outside():
        board.refresh()
    until(lambda: _open(vendors) == 1, "a line")
    yield board
    for line in board.lines.values():
        line.auto_reconnect_enabled = False
    vendors.ctl("slack/lines", {"cut": True})
    board.close()


def _open(vendors: StandIns) -> int:
    return int(vendors.ctl("slack/lines", method="GET")["open"])


def _click(desk: Desk, **spec: Any) -> dict[str, Any]:
    found = {"user": "U0BOB", "action_id": "approve", "ts": desk.messages()[-1]["ts"]}
    return desk.vendors.ctl("slack/click", {**found, **spec})


def _votes() -> int:
    with transaction.atomic():
        return Vote.objects.count()


def test_a_person_decides_over_a_line_that_we_opened(board: Switchboard, desk: Desk) -> None:
    """First what must not decide, each by one fault of the way, then a click that comes twice and counts once."""
    for fault in ("wrong_team", "wrong_app", "edited", "stale"):
        assert _click(desk, fault=fault)["delivery"]["status"] == 200, fault
        assert (desk.request().state, _votes()) == (State.PENDING, 0), fault
    told = len(desk.told())
    assert _click(desk, user="U0CAROL", times=2)["delivery"]["status"] == 200
    assert ["not linked" in text for text in desk.told()[told:]] == [True], "the click came twice"
    assert _click(desk, fault="redelivered")["delivery"]["status"] == 200
    assert (desk.request().state, _votes()) == (State.APPROVED, 1)
    with transaction.atomic():
        assert Vote.objects.get().method == "slack-socket"


def test_the_reason_is_asked_for_and_refused_in_the_same_dialogue(board: Switchboard, desk: Desk) -> None:
    refused = _click(desk, action_id="reject", fill="no", user="U0CAROL")
    assert "not linked" in refused["submitted"]["body"]
    done = _click(desk, action_id="reject", fill="The wrong group", fault="dead_response_url")
    assert done["submitted"]["status"] == 200
    assert desk.request().state == State.REJECTED


def test_lines_are_opened_again_and_follow_what_is_configured(board: Switchboard, desk: Desk) -> None:
    (line,) = board.lines.values()
    before = line.session_id()
    desk.vendors.ctl("slack/lines", {"cut": True})
    until(lambda: line.session_id() != before and line.is_connected() and _open(desk.vendors) == 1, "a new line")
    assert _click(desk)["delivery"]["status"] == 200
    assert desk.request().state == State.APPROVED
    with transaction.atomic():
        endpoint = WebhookEndpoint.objects.get(scheme="slack-socket")
    services.switch_endpoint(endpoint_id=endpoint.pk, enabled=False, actor=desk.side.admin)
    with slack.outside():
        board.refresh()
    assert board.lines == {}
    until(lambda: _open(desk.vendors) == 0, "the line is closed")


def test_a_rotated_token_opens_a_new_line_and_a_wrong_one_none(board: Switchboard, desk: Desk) -> None:
    (old,) = board.lines
    vault.store(name="slack-app", secret=b"xapp-wrong", actor=desk.side.admin)
    with slack.outside():
        board.refresh()
    assert old not in board.lines
    assert not _line(board).is_connected()
    vault.store(name="slack-app", secret=accounts.SLACK_APP_TOKEN.encode(), actor=desk.side.admin)
    with slack.outside():
        board.refresh()
    assert _line(board).is_connected()


def test_how_a_line_stands_is_kept_by_whoever_holds_it(board: Switchboard, desk: Desk) -> None:
    told = _told(board)
    assert (told.state, told.words, told.line.last_envelope_at) == ("HEALTHY", "connected", None)
    assert _doctor().ok
    assert _click(desk)["delivery"]["status"] == 200
    assert _told(board).line.last_envelope_at is not None
    line = _line(board)
    line.auto_reconnect_enabled = False
    desk.vendors.ctl("slack/lines", {"cut": True})
    until(lambda: not line.is_connected(), "the line is gone")
    told = _told(board)
    assert (told.state, told.words) == ("DOWN", "not connected")
    assert not _doctor().ok


def test_a_line_of_a_process_that_is_gone_is_not_believed(board: Switchboard) -> None:
    _told(board)
    with transaction.atomic():
        SlackLine.objects.update(seen_at=clock.now() - reports.BELIEVED - timedelta(seconds=1))
    assert _stands().state == "UNSEEN"
    assert "not heard of" in _doctor().found
    with slack.outside():
        board.close()
    assert (_stands().line, _stands().words) == (None, reports.NOBODY)
    assert not _doctor().ok


def test_why_a_line_does_not_come_about_is_told(board: Switchboard, desk: Desk) -> None:
    vault.store(name="slack-app", secret=b"xapp-wrong", actor=desk.side.admin)
    told = _told(board)
    assert told.state == "DOWN"
    assert "invalid_auth" in told.line.last_error
    assert "invalid_auth" in _doctor().found


def _told(board: Switchboard) -> Any:
    with slack.outside():
        board.refresh()
    return _stands()


@transaction.atomic
def _stands() -> reports.Shown:
    (one,) = reports._all()
    return one


def _doctor() -> doctor.Finding:
    with slack.outside():
        return doctor.slack_lines()


def _line(board: Switchboard) -> SocketLine:
    (line,) = board.lines.values()
    return line
