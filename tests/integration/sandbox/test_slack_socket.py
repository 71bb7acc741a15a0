"""Socket Mode of the stand-in: Slack's own client and Bolt's own handler run against it unchanged."""

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from slack_bolt import App
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_bolt.authorization import AuthorizeResult
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from connectors.sandbox import accounts
from connectors.sandbox.slack import lines
from tests.integration.sandbox.test_slack import CARD, MODAL
from tests.stand_ins import StandIns
from tests.waiting import until


class Seen:
    """What Bolt's listeners were told."""

    def __init__(self) -> None:
        self.clicks: list[dict[str, Any]] = []
        self.silent_for = 0


@pytest.fixture
def web(stand_ins: StandIns) -> WebClient:
    return WebClient(accounts.SLACK_BOT_TOKEN, base_url=f"{stand_ins.url}/slack/api/", timeout=5, retry_handlers=[])


@pytest.fixture
def seen() -> Seen:
    return Seen()


@pytest.fixture
def bolt(stand_ins: StandIns, web: WebClient, seen: Seen) -> Iterator[SocketModeHandler]:
    """An app as Slack's documentation writes it, connected by Bolt's own handler."""
    app = App(
        authorize=lambda enterprise_id, team_id: AuthorizeResult(
            enterprise_id=enterprise_id, team_id=team_id, bot_token=accounts.SLACK_BOT_TOKEN
        ),
        client=web,
        token_verification_enabled=False,
        process_before_response=True,
        logger=logging.getLogger("bolt"),
    )

    @app.action("approve")
    def approve(ack: Callable[..., None], body: dict[str, Any]) -> None:
        seen.clicks.append(body)
        ack()

    @app.action("reject")
    def reject(ack: Callable[..., None], body: dict[str, Any]) -> None:
        web.views_open(trigger_id=body["trigger_id"], view=MODAL)
        ack()

    @app.view("reject_reason")
    def refuse(ack: Callable[..., None]) -> None:
        ack(response_action="errors", errors={"r": "Say more"})

    handler = SocketModeHandler(app, accounts.SLACK_APP_TOKEN, web_client=web, ping_interval=0.2)
    stand_ins.ctl("slack/config", {"socket_mode": True})
    handler.connect()
    until(lambda: stand_ins.ctl("slack/lines", method="GET")["open"] == 1)
    yield handler
    handler.client.auto_reconnect_enabled = False
    stand_ins.ctl("slack/lines", {"cut": True})  # a reader that waits would keep the client open for three seconds
    handler.close()


def _click(stand_ins: StandIns, **spec: Any) -> dict[str, Any]:
    return stand_ins.ctl("slack/click", {"user": "U0BOB", "action_id": "approve", "contains": "INC0010001", **spec})


@pytest.fixture
def card(web: WebClient) -> None:
    web.chat_postMessage(channel="C0APPROVALS", text="card", blocks=CARD)


def test_a_click_comes_in_an_envelope_and_is_acknowledged(
    stand_ins: StandIns, bolt: SocketModeHandler, card: None, seen: Seen
) -> None:
    done = _click(stand_ins)["delivery"]
    assert (done["status"], done["via"]) == (200, "socket")
    (click,) = seen.clicks
    assert (click["user"]["id"], click["api_app_id"], click["team"]["id"]) == ("U0BOB", "A0INTERLOCK", "T0ACME")


def test_the_answer_to_a_dialogue_travels_in_the_acknowledgement(
    stand_ins: StandIns, bolt: SocketModeHandler, card: None
) -> None:
    done = _click(stand_ins, action_id="reject", fill="no")
    assert done["view"]["callback_id"] == "reject_reason"
    assert '"errors"' in done["submitted"]["body"]


def test_a_redelivered_envelope_runs_a_careless_listener_twice(
    stand_ins: StandIns, bolt: SocketModeHandler, card: None, seen: Seen
) -> None:
    _click(stand_ins, fault="redelivered")
    assert len(seen.clicks) == 2
    assert seen.clicks[0]["trigger_id"] == seen.clicks[1]["trigger_id"]


@pytest.mark.parametrize("how", [{}, {"cut": True}], ids=["asked to refresh", "the network breaks"])
def test_a_lost_line_is_opened_again_by_slacks_client(
    stand_ins: StandIns, bolt: SocketModeHandler, card: None, seen: Seen, how: dict[str, bool]
) -> None:
    before = bolt.client.session_id()
    assert stand_ins.ctl("slack/lines", how) == {"lines": 1}
    until(lambda: bolt.client.session_id() != before and bolt.client.is_connected())
    until(lambda: stand_ins.ctl("slack/lines", method="GET")["open"] == 1)
    assert _click(stand_ins)["delivery"]["status"] == 200
    assert len(seen.clicks) == 1


def test_without_a_line_nobody_answers(
    stand_ins: StandIns, web: WebClient, card: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "ACK_S", 0.05)
    assert _click(stand_ins, via="socket")["delivery"]["status"] == 0


@pytest.mark.parametrize(
    ("token", "error"),
    [(accounts.SLACK_BOT_TOKEN, "not_allowed_token_type"), ("xapp-1-other", "invalid_auth")],
)
def test_only_the_apps_own_token_opens_a_line(web: WebClient, token: str, error: str) -> None:
    with pytest.raises(SlackApiError, match=error):
        web.apps_connections_open(app_token=token)


def test_a_ticket_opens_one_line(stand_ins: StandIns, web: WebClient) -> None:
    url = web.apps_connections_open(app_token=accounts.SLACK_APP_TOKEN)["url"]
    path = "/" + url.split("/", 3)[3]
    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
    upgrade["Sec-WebSocket-Key"] = "dGhlIHNhbXBsZSBub25jZQ=="
    assert stand_ins.send("GET", path.replace("ticket=", "ticket=0"), headers=upgrade)[0] == 403
    assert stand_ins.send("GET", path, headers=upgrade)[0] == 101
    assert stand_ins.send("GET", path, headers=upgrade)[0] == 403
