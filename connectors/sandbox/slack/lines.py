"""Socket Mode: WebSockets that apps open to Slack, and the envelopes that travel on them.

Source: docs.slack.dev, "Using Socket Mode". A line is opened by one use of a ticket from `apps.connections.open`; an
envelope that is not acknowledged in time is sent again, marked as a retry.
"""

from __future__ import annotations

import json
import secrets
import socket
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from wsproto import ConnectionType, WSConnection
from wsproto.connection import ConnectionState
from wsproto.events import AcceptConnection, CloseConnection, Ping, RejectConnection, Request, TextMessage

from connectors.sandbox import accounts, wire

MOST_LINES = 10
ACK_S = 3.0
RETRIES = 2
CHUNK = 65536


@dataclass
class Line:
    """One open WebSocket. Its reader is the thread of the connection; anybody may send."""

    connection: socket.socket
    protocol: WSConnection
    closed: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def tell(self, message: Mapping[str, Any]) -> None:
        self._send(TextMessage(data=json.dumps(message)))

    def read(self, acknowledged: Lines) -> None:
        """Until the app or the network ends the line."""
        text = ""
        while not self.closed:
            try:
                data = self.connection.recv(CHUNK)
            except OSError:
                return
            self.protocol.receive_data(data or None)
            for event in self.protocol.events():
                if isinstance(event, TextMessage):
                    text += event.data
                    if event.message_finished:
                        acknowledged.acknowledge(json.loads(text))
                        text = ""
                elif isinstance(event, Ping):
                    self._send(event.response())
                elif isinstance(event, CloseConnection):
                    self._part(event)
            self.closed = self.closed or not data

    def _part(self, event: CloseConnection) -> None:
        self.closed = True
        if self.protocol.state is ConnectionState.REMOTE_CLOSING:
            self._send(event.response())

    def cut(self) -> None:
        """The network breaks: no farewell."""
        self.closed = True
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def _send(self, event: Any) -> None:
        with self._lock:
            self.connection.sendall(self.protocol.send(event))


class Lines:
    """All open lines of the one app, the tickets for new ones, and envelopes that wait for their acknowledgement."""

    def __init__(self) -> None:
        self.open: list[Line] = []
        self.tickets: set[str] = set()
        self.received = 0
        self._answers: dict[str, dict[str, Any]] = {}
        self._news = threading.Condition()

    def ticket(self) -> str:
        made = secrets.token_hex(16)
        self.tickets.add(made)
        return made

    def serve(self, request: wire.Request, connection: socket.socket) -> None:
        """Speak WebSocket on a connection whose first request asked for it; returns when it is over."""
        protocol = WSConnection(ConnectionType.SERVER)
        headers = [(name.encode(), value.encode()) for name, value in request.headers.items()]
        protocol.initiate_upgrade_connection(headers, f"{request.path}?{request.query_string}")
        asked = next(protocol.events())
        ticket = request.query("ticket")
        if not isinstance(asked, Request) or ticket not in self.tickets or len(self.open) >= MOST_LINES:
            connection.sendall(protocol.send(RejectConnection(status_code=403)))
            return
        self.tickets.discard(ticket)
        connection.sendall(protocol.send(AcceptConnection()))
        self._hold(Line(connection, protocol))

    def _hold(self, line: Line) -> None:
        self.open.append(line)
        about = {"app_id": accounts.SLACK_APP}
        debug = {"host": "sandbox", "approximate_connection_time": 18060}
        try:
            hello = {"type": "hello", "num_connections": len(self.open), "connection_info": about, "debug_info": debug}
            line.tell(hello)
            line.read(self)
        except OSError:
            line.closed = True
        finally:
            self.open.remove(line)

    def deliver(self, payload: Mapping[str, Any], *, again: bool = False) -> dict[str, Any] | None:
        """One envelope to the newest line; the app's answer (perhaps empty), None without an acknowledgement.

        `again`: it is sent once more although it was acknowledged.
        """
        envelope = {"envelope_id": str(uuid4()), "type": "interactive", "accepts_response_payload": True}
        answer = None
        for attempt in range(1 + RETRIES):
            retry = {"retry_attempt": attempt, "retry_reason": "timeout"} if attempt else {}
            answer = self._try({**envelope, **retry, "payload": payload})
            if answer is not None and not (again and attempt == 0):
                break
        return answer

    def _try(self, envelope: dict[str, Any]) -> dict[str, Any] | None:
        line = self._newest()
        if line is None:
            return None
        name = envelope["envelope_id"]
        with self._news:
            self._answers.pop(name, None)
        try:
            line.tell(envelope)
        except OSError:
            return None
        with self._news:
            self._news.wait_for(lambda: name in self._answers or line.closed, ACK_S)
            return self._answers.pop(name, None)

    def _newest(self) -> Line | None:
        deadline = time.monotonic() + ACK_S
        while time.monotonic() < deadline:
            alive = [line for line in self.open if not line.closed]
            if alive:
                return alive[-1]
            time.sleep(0.02)
        return None

    def acknowledge(self, answer: dict[str, Any]) -> None:
        with self._news:
            self.received += 1
            self._answers[str(answer.get("envelope_id", ""))] = answer.get("payload") or {}
            self._news.notify_all()

    def refresh(self) -> int:
        """Slack asks each app to open a new line, as it does every few hours; how many were asked."""
        told = list(self.open)
        for line in told:
            line.tell({"type": "disconnect", "reason": "refresh_requested", "debug_info": {"host": "sandbox"}})
        return len(told)

    def cut(self) -> int:
        cut = list(self.open)
        for line in cut:
            line.cut()
        return len(cut)
