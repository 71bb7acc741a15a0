"""How an event reaches the app: signed over HTTP, or in an envelope over one of the app's own lines."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from connectors.sandbox.servicenow.webhook import post
from connectors.sandbox.slack.lines import Lines
from connectors.sandbox.slack.mischief import Parcel, Payload
from connectors.sandbox.slack.store import Workspace

HTTP, SOCKET = "http", "socket"


@dataclass(frozen=True)
class Delivery:
    """What the app answered: HTTP status (0: no answer), body, how long it took, and the way it went."""

    status: int
    body: str
    elapsed_ms: int
    via: str = HTTP

    def described(self) -> dict[str, Any]:
        return dict(self.__dict__)


def sign(secret: str, timestamp: int, body: bytes) -> str:
    """Slack's v0 signature: hex HMAC-SHA256 over `v0:timestamp:body`."""
    return "v0=" + hmac.new(secret.encode(), f"v0:{timestamp}:".encode() + body, hashlib.sha256).hexdigest()


class Courier:
    def __init__(self, workspace: Workspace, lines: Lines) -> None:
        self.workspace = workspace
        self.lines = lines

    def send(self, parcel: Parcel, via: str = "") -> Delivery:
        """Without a way said, an app in Socket Mode is told over its lines, any other over HTTP."""
        way = via or (SOCKET if self.workspace.socket_mode else HTTP)
        started = time.monotonic()
        status, body = (self._by_line if way == SOCKET else self._by_http)(parcel)
        return Delivery(status, body[:4000], int((time.monotonic() - started) * 1000), way)

    def _by_line(self, parcel: Parcel) -> tuple[int, str]:
        answers = [
            self.lines.deliver(parcel.altered or parcel.payload, again=parcel.again) for _ in range(parcel.times)
        ]
        answer = answers[-1]
        return (0, "") if answer is None else (200, json.dumps(answer) if answer else "")

    def _by_http(self, parcel: Parcel) -> tuple[int, str]:
        now = int(self.workspace.clock.now()) - parcel.age_s
        for signed_at in (now, now + 1) if parcel.again else (now,):
            body, headers = self._signed(parcel, signed_at)
            for _ in range(parcel.times):
                status, answer = post(self.workspace.interactivity_url, body, headers)
        return status, answer.decode(errors="replace")

    def _signed(self, parcel: Parcel, timestamp: int) -> tuple[bytes, dict[str, str]]:
        signed, sent = _form(parcel.payload), _form(parcel.altered or parcel.payload)
        secret = parcel.secret or self.workspace.signing_secret
        headers = {"Content-Type": "application/x-www-form-urlencoded", "X-Slack-Request-Timestamp": str(timestamp)}
        return sent, {**headers, "X-Slack-Signature": sign(secret, timestamp, signed)}


def _form(payload: Payload) -> bytes:
    return urlencode({"payload": json.dumps(payload)}).encode()
