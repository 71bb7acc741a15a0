"""The Slack stand-in with the vendor's own client, and its people with the vendor's own signature check."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.signature import SignatureVerifier

from connectors.sandbox import accounts
from connectors.sandbox.slack import mischief

BUTTON = {
    "type": "button",
    "action_id": "approve",
    "value": "apr_1.6b1f",
    "text": {"type": "plain_text", "text": "Approve"},
}
REJECT = {**BUTTON, "action_id": "reject"}
CARD = [
    {"type": "header", "text": {"type": "plain_text", "text": "Approve INC0010001?"}},
    {"type": "actions", "block_id": "apr_1", "elements": [BUTTON, REJECT]},
]
MODAL = {
    "type": "modal",
    "callback_id": "reject_reason",
    "title": {"type": "plain_text", "text": "Reject"},
    "blocks": [
        {
            "type": "input",
            "block_id": "r",
            "label": {"type": "plain_text", "text": "Why"},
            "element": {"type": "plain_text_input", "action_id": "reason"},
        }
    ],
}


@pytest.fixture
def client(stand_ins) -> WebClient:
    return WebClient(accounts.SLACK_BOT_TOKEN, base_url=f"{stand_ins.url}/slack/api/", timeout=5, retry_handlers=[])


class App(HTTPServer):
    """An app that opens a modal for a rejection."""

    def __init__(self, client: WebClient) -> None:
        super().__init__(("127.0.0.1", 0), Interactivity)
        self.client, self.seen = client, []


class Interactivity(BaseHTTPRequestHandler):
    server: App

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        valid = SignatureVerifier(accounts.SLACK_SIGNING_SECRET).is_valid_request(body, dict(self.headers.items()))
        payload = json.loads(parse_qs(body.decode())["payload"][0])
        self.server.seen.append((valid, payload))
        if payload["type"] == "block_actions" and payload["actions"][0]["action_id"] == "reject":
            self.server.client.views_open(trigger_id=payload["trigger_id"], view=MODAL)
        self.send_response(200 if valid else 401)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Silent."""


@pytest.fixture
def app(stand_ins, client) -> Iterator[App]:
    server = App(client)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    stand_ins.ctl("slack/config", {"interactivity_url": f"http://127.0.0.1:{server.server_port}/slack/interactivity"})
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def test_messages_are_posted_updated_and_found_by_their_metadata(stand_ins, client):
    metadata = {"event_type": "interlock_call", "event_payload": {"key": "k1"}}
    posted = client.chat_postMessage(channel="C0ITSM", text="hello", metadata=metadata)
    client.chat_update(channel="C0ITSM", ts=posted["ts"], text="hello again")
    plain = client.conversations_history(channel="C0ITSM")
    whole = client.conversations_history(channel="C0ITSM", include_all_metadata=True)
    assert "metadata" not in plain["messages"][0]
    assert whole["messages"][0]["metadata"]["event_payload"] == {"key": "k1"}
    assert whole["messages"][0]["text"] == "hello again"
    assert [row["kind"] for row in stand_ins.ledger(vendor="slack")] == ["message_posted", "message_updated"]
    assert stand_ins.ledger(kind="message_posted")[0]["key"] == {"key": "k1"}


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"channel": "C0NOWHERE", "text": "x"}, "channel_not_found"),
        ({"channel": "C0PRIVATE", "text": "x"}, "not_in_channel"),
        ({"channel": "C0ARCHIVED", "text": "x"}, "is_archived"),
        ({"channel": "C0ITSM", "text": ""}, "no_text"),
        (
            {"channel": "C0ITSM", "blocks": [{"type": "header", "text": {"type": "mrkdwn", "text": "x"}}]},
            "invalid_blocks",
        ),
    ],
)
def test_refusals_carry_the_vendors_code_and_post_nothing(stand_ins, client, fields, error):
    with pytest.raises(SlackApiError) as refused:
        client.api_call("chat.postMessage", json=fields)
    assert refused.value.response["error"] == error
    assert stand_ins.ledger(vendor="slack") == []


def test_tokens_are_checked_and_can_be_revoked(stand_ins, client):
    assert client.auth_test()["team_id"] == accounts.SLACK_TEAM
    with pytest.raises(SlackApiError, match="invalid_auth"):
        WebClient("xoxb-wrong", base_url=client.base_url).auth_test()
    stand_ins.ctl("slack/config", {"revoke": [accounts.SLACK_BOT_TOKEN]})
    with pytest.raises(SlackApiError, match="token_revoked"):
        client.auth_test()


def test_a_flood_in_one_channel_is_throttled(client):
    def flood() -> None:
        for n in range(80):
            client.chat_postMessage(channel="C0ITSM", text=str(n))

    with pytest.raises(SlackApiError) as throttled:
        flood()
    assert throttled.value.response.status_code == 429
    assert throttled.value.response.headers["Retry-After"] == "1"
    client.chat_postMessage(channel="C0APPROVALS", text="another channel is free")


def test_a_benchmark_may_lift_the_limit(client, stand_ins):
    stand_ins.ctl("slack/config", {"unlimited": True})
    for n in range(80):
        client.chat_postMessage(channel="C0ITSM", text=str(n))


def test_users_are_known_with_their_team(client):
    assert client.users_info(user="U0BOB")["user"]["profile"]["email"] == "bob@acme.test"
    assert client.users_info(user="U0STRANGER")["user"]["team_id"] != accounts.SLACK_TEAM
    assert client.users_lookupByEmail(email="carol@acme.test")["user"]["id"] == "U0CAROL"


def test_a_click_arrives_signed_with_all_that_an_app_needs(stand_ins, client, app):
    posted = client.chat_postMessage(channel="C0APPROVALS", text="card", blocks=CARD)
    done = stand_ins.ctl("slack/click", {"user": "U0BOB", "contains": "INC0010001", "action_id": "approve"})
    assert done["delivery"]["status"] == 200
    valid, payload = app.seen[0]
    assert valid
    assert payload["actions"][0]["value"] == "apr_1.6b1f"
    assert (payload["user"]["id"], payload["team"]["id"], payload["api_app_id"]) == (
        "U0BOB",
        accounts.SLACK_TEAM,
        accounts.SLACK_APP,
    )
    assert payload["container"]["message_ts"] == posted["ts"]


def test_a_forged_click_does_not_verify(stand_ins, client, app):
    client.chat_postMessage(channel="C0APPROVALS", text="card", blocks=CARD)
    click = {"user": "U0BOB", "contains": "INC0010001", "action_id": "approve", "secret": "guessed"}
    assert stand_ins.ctl("slack/click", click)["delivery"]["status"] == 401


def test_a_rejection_opens_a_modal_which_is_filled_in_and_submitted(stand_ins, client, app):
    client.chat_postMessage(channel="C0APPROVALS", text="card", blocks=CARD)
    click = {"user": "U0CAROL", "contains": "INC0010001", "action_id": "reject", "fill": "Wrong group, please"}
    done = stand_ins.ctl("slack/click", click)
    assert done["submitted"]["status"] == 200
    submission = app.seen[1][1]
    assert submission["view"]["callback_id"] == "reject_reason"
    assert submission["view"]["state"]["values"]["r"]["reason"]["value"] == "Wrong group, please"


def test_a_trigger_lives_three_seconds_and_once(stand_ins, client, app):
    client.chat_postMessage(channel="C0APPROVALS", text="card", blocks=CARD)
    stand_ins.ctl("slack/click", {"user": "U0BOB", "contains": "INC0010001", "action_id": "approve"})
    trigger = app.seen[0][1]["trigger_id"]
    stand_ins.ctl("clock", {"advance_s": 4})
    with pytest.raises(SlackApiError, match="expired_trigger_id"):
        client.views_open(trigger_id=trigger, view=MODAL)
    with pytest.raises(SlackApiError, match="invalid_trigger_id"):
        client.views_open(trigger_id=trigger, view=MODAL)


def test_the_page_shows_cards_and_escapes_what_strangers_wrote(stand_ins, client):
    client.chat_postMessage(channel="C0ITSM", text="<script>alert(1)</script>")
    client.chat_postMessage(channel="C0APPROVALS", text="card", blocks=CARD)
    page = stand_ins.send("GET", "/slack/")[2]
    assert "<script>" not in page
    assert "value='approve'" in page


SIGNED = {"duplicate": 2, "redelivered": 2, "wrong_team": 1, "wrong_app": 1, "dead_response_url": 1, "": 1}


@pytest.mark.parametrize("fault", sorted({*mischief.KINDS, ""}))
def test_a_fault_of_delivery_changes_what_arrives(stand_ins, client, app, fault):
    """What still carries a valid signature, how often it comes, and what differs in it."""
    client.chat_postMessage(channel="C0APPROVALS", text="card", blocks=CARD)
    stand_ins.ctl("slack/click", {"user": "U0BOB", "action_id": "approve", "contains": "INC0010001", "fault": fault})
    valid = [payload for signed, payload in app.seen if signed]
    assert len(valid) == SIGNED.get(fault, 0)
    payload = app.seen[0][1]
    assert (payload["team"]["id"] == accounts.SLACK_TEAM) is (fault != "wrong_team")
    assert (payload["api_app_id"] == accounts.SLACK_APP) is (fault != "wrong_app")
    assert (payload["actions"][0]["value"] == BUTTON["value"]) is (fault != "edited")
    assert len({payload["trigger_id"] for _, payload in app.seen}) == 1, "one click, however often it comes"
