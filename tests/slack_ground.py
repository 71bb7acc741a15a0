"""Slack in front of the platform: a card that waits, and interactions as they come over HTTP or in an envelope."""

import json
import secrets
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode
from uuid import UUID, uuid4

from django.db import connection, transaction
from django.test import Client
from slack_sdk.signature import SignatureVerifier
from slack_sdk.socket_mode.request import SocketModeRequest

from approvals.models import ApprovalRequest
from connectors import cards, services
from connectors.calls import CallStatus
from connectors.models import ConnectorInstance
from connectors.sandbox import accounts
from connectors.slack import listening
from controlplane.lib import clock
from tenants import scope, vault
from tenants.models import User
from tests import gateway_ground as ground
from tests.stand_ins import StandIns

PEOPLE = {"U0BOB": "bob", "U0ALICE": "alice"}
HTTP, SOCKET = "http", "socket"
FORM = "application/x-www-form-urlencoded"
Payload = dict[str, Any]


def furnish(side: SimpleNamespace, vendors: StandIns) -> SimpleNamespace:
    """Slack with a channel for approvals and both doors, Bob and Alice linked. Inside the tenant's scope."""
    spec = ground.INSTANCES["slack"]
    config = {**spec["config"], "approvals_channel": ground.APPROVALS}
    ground.save_instance("slack", vendors, side.admin, **{**spec, "config": config})
    vault.store(name="slack-app", secret=accounts.SLACK_APP_TOKEN.encode(), actor=side.admin)
    for slack_user, name in PEOPLE.items():
        link(side, slack_user, getattr(side, name).id)
    with transaction.atomic():
        side.service = User.objects.create(username="slack@a.test", kind=User.Kind.SERVICE)
        side.slack = ConnectorInstance.objects.get(name="slack")
    side.token = _door(side, "slack", "cred:slack-signing").token
    side.socket = _door(side, "slack-socket", "cred:slack-app").endpoint.pk
    return side


def asked(side: SimpleNamespace, vendors: StandIns) -> CallStatus:
    """A write that waits, with its card posted."""
    args = ground.update_args(vendors.incident(category="inquiry"))
    waiting = ground.go(side, ground.spec_for(side, "servicenow.incident.update", "servicenow", args))
    assert waiting.request_id is not None
    cards.show(request_id=waiting.request_id)
    return waiting


def waiting_card(ready: SimpleNamespace, vendors: StandIns) -> "Desk":
    """A change that waits for its decision, with its card in Slack. Inside the tenant's scope."""
    side = furnish(ready, vendors)
    return Desk(side, vendors, HTTP, asked(side, vendors).request_id)


def link(side: SimpleNamespace, slack_user: str, user_id: UUID) -> None:
    services.link_slack_user(team_id=accounts.SLACK_TEAM, slack_user_id=slack_user, user_id=user_id, actor=side.admin)


def _door(side: SimpleNamespace, scheme: str, secret_ref: str) -> services.NewEndpoint:
    return services.create_endpoint(
        name=scheme,
        scheme=scheme,
        environment_id=side.environment.id,
        instance_id=side.slack.pk,
        service_id=side.service.pk,
        secret_ref=secret_ref,
        actor=side.admin,
    )


@dataclass
class Acks:
    """In the place of Slack's client: what was answered to an envelope."""

    sent: list[Any] = field(default_factory=list)
    logger: Any = field(default_factory=lambda: SimpleNamespace(level=100, info=lambda *_: None))

    def send_socket_mode_response(self, response: Any) -> None:
        self.sent.append(response)


@dataclass
class Answer:
    """`status` 0: an envelope that was not acknowledged."""

    status: int
    body: dict[str, Any]


@dataclass
class Desk:
    """A person at a Slack client in front of one card, whose clicks travel one of the two ways."""

    side: SimpleNamespace
    vendors: StandIns
    way: str
    request_id: UUID

    def request(self) -> ApprovalRequest:
        with transaction.atomic():
            return ApprovalRequest.objects.get(pk=self.request_id)

    def value(self) -> str:
        return f"{self.request_id}.{self.request().display_digest}"

    def messages(self) -> list[dict[str, Any]]:
        channel = self.vendors.ctl("state", method="GET")["slack"]["channels"][ground.APPROVALS]
        return list(channel.values())

    def told(self) -> list[str]:
        """What people were shown that only they see."""
        return [row["text"] for row in self.vendors.ctl("state", method="GET")["slack"]["ephemerals"]]

    def pressed(self, action: str, *, user: str = "U0BOB", value: str = "", **changes: Any) -> Payload:
        """The payload of a button of the newest message."""
        message = self.messages()[-1]
        button = {"action_id": action, "block_id": "b", "type": "button", "value": value or self.value()}
        payload = {
            "type": "block_actions",
            **about(user),
            "channel": {"id": ground.APPROVALS},
            "message": {name: message[name] for name in ("ts", "metadata") if name in message},
            "actions": [{**button, "action_ts": str(clock.now().timestamp())}],
        }
        return {**payload, **changes}

    def submitted(self, reason: str, *, user: str = "U0BOB", metadata: str = "", **changes: Any) -> Payload:
        """The payload of the dialogue that a press of “Reject” opened."""
        place = f"{ground.APPROVALS} {self.messages()[-1]['ts']} "
        values = {"reason": {"reason": {"type": "plain_text_input", "value": reason}}}
        view = {
            "type": "modal",
            "callback_id": "reject_reason",
            "private_metadata": metadata or f"{self.value()} {place}",
            "state": {"values": values},
        }
        return {"type": "view_submission", **about(user), "view": view, **changes}

    def press(self, action: str, **how: Any) -> Answer:
        return self.send(self.pressed(action, **how))

    def send(self, payload: Payload, *, envelope: str = "") -> Answer:
        """As Slack does, from outside any scope."""
        with outside():
            if self.way == HTTP:
                return over_http(self.side.token, payload)
            return over_socket(self.side, payload, envelope)


def about(user: str) -> Payload:
    return {
        "team": {"id": accounts.SLACK_TEAM},
        "user": {"id": user, "team_id": accounts.SLACK_TEAM},
        "api_app_id": accounts.SLACK_APP,
        "trigger_id": secrets.token_hex(8),
    }


def over_http(token: str, payload: Payload, *, secret: str = accounts.SLACK_SIGNING_SECRET, at: str = "") -> Answer:
    return post(token, urlencode({"payload": json.dumps(payload)}), secret=secret, at=at)


def post(token: str, body: str, *, secret: str = accounts.SLACK_SIGNING_SECRET, at: str = "", sent: str = "") -> Answer:
    """`sent`: bytes that arrive instead of those that were signed."""
    timestamp = at or str(clock.now_ms() // 1000)
    signature = SignatureVerifier(secret).generate_signature(timestamp=timestamp, body=body)
    headers = {"X-Slack-Request-Timestamp": timestamp, "X-Slack-Signature": signature}
    answer = Client().post(f"/slack/{token}", sent or body, content_type=FORM, headers=headers)
    is_json = answer.get("Content-Type", "").startswith("application/json")
    return Answer(answer.status_code, json.loads(answer.content) if is_json and answer.content else {})


def over_socket(side: SimpleNamespace, payload: Payload, envelope: str = "") -> Answer:
    ear = listening.Ear(side.tenant.id, side.socket, "", "")
    client = Acks()
    request = SocketModeRequest(type="interactive", envelope_id=envelope or str(uuid4()), payload=payload)
    listening.answer(ear, client, request)  # type: ignore[arg-type] - only what it sends matters
    return Answer(200, client.sent[0].payload or {}) if client.sent else Answer(0, {})


class outside:  # noqa: N801 - reads as a word
    """Leave the scope that the test has entered."""

    def __enter__(self) -> None:
        self._entered = scope._tenant.set(None)

    def __exit__(self, *_: object) -> None:
        scope._tenant.reset(self._entered)
        if connection.in_atomic_block:
            scope.announce(connection)
