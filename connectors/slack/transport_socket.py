"""Socket Mode on Slack's own client: it dials out, nobody has to reach us.

What is ours: the address is asked for over the base transport and must lie where the instance does, no proxy is read
from the environment, and a refusal makes the client wait as long as Slack says, or longer each time.
"""

import ipaddress
from contextlib import suppress
from datetime import datetime
from urllib.parse import urlsplit

from slack_sdk.errors import SlackApiError
from slack_sdk.socket_mode.builtin import SocketModeClient
from slack_sdk.socket_mode.client import BaseSocketModeClient as Client
from slack_sdk.socket_mode.request import SocketModeRequest as Envelope
from slack_sdk.socket_mode.response import SocketModeResponse
from slack_sdk.web import WebClient

from connectors.errors import TransportError
from connectors.slack import wire
from connectors.slack.transport import GovernedClient
from connectors.transport import Transport
from connectors.types import CallContext, Failed, Instance
from controlplane.lib import clock
from controlplane.lib.logs import get_logger

log = get_logger(__name__)

OPEN_S = 10.0
LONGEST_PAUSE_S = 60.0
PING_S = 5.0
CLICKS_AT_ONCE = 4


__all__ = ["Client", "Envelope", "LineRefused", "SocketLine", "acknowledge", "admitted"]


class LineRefused(RuntimeError):
    """Slack opens no line now, or where it points to is not Slack."""


class SocketLine(SocketModeClient):
    """Slack's client for one app. It opens a new line by itself when the old one ends."""

    def __init__(self, instance: Instance, app_token: str) -> None:
        super().__init__(
            app_token=app_token,
            web_client=WebClient(retry_handlers=[]),
            logger=log,
            ping_interval=PING_S,
            concurrency=CLICKS_AT_ONCE,
        )
        self.proxy = None
        self._instance = instance
        self._refusals = 0
        self._not_before = 0.0
        self.heard_at: datetime | None = None
        self.trouble = ""
        self.troubled_at: datetime | None = None
        self.on_error_listeners.append(lambda error: self.note_trouble(f"{type(error).__name__}: {error}"))

    def issue_new_wss_url(self) -> str:
        """Where to dial; raises LineRefused while Slack is to be left alone, and when it refuses."""
        if clock.monotonic() < self._not_before:
            raise LineRefused("waiting before the next try")
        try:
            answer = self._asked()
        except TransportError as lost:
            answer = Failed(permanent=False, code=lost.code, detail=lost.detail)
        if isinstance(answer, Failed):
            self._rest(answer.retry_after_s)
            self.note_trouble(f"{answer.code}: {answer.detail}")
            raise LineRefused(f"{answer.code}: {answer.detail}")
        self._refusals = 0
        return admitted(str(answer.get("url", "")), self._instance)

    def note_trouble(self, words: str) -> None:
        """What went wrong last; for whoever looks at the line."""
        self.trouble, self.troubled_at = words, clock.now()

    def _asked(self) -> dict[str, object] | Failed:
        credentials = {"app_token": self.app_token.encode()}
        deadline = clock.monotonic() + OPEN_S
        client = GovernedClient(
            Transport(CallContext(self._instance, credentials, "", deadline, lambda: None)), self.app_token
        )
        with suppress(SlackApiError):
            client.apps_connections_open(app_token=self.app_token)
        if client.last is None:
            return Failed(permanent=True, code="client_silent", detail="slack_sdk did not send the request")
        return wire.accepted(client.last.status, client.last.json_object(), client.last.retry_after_s())

    def _rest(self, asked_s: float | None) -> None:
        self._refusals += 1
        self._not_before = clock.monotonic() + max(asked_s or 0.0, min(2.0**self._refusals, LONGEST_PAUSE_S))


def acknowledge(client: Client, envelope: Envelope) -> None:
    """Received, and nothing to say."""
    client.send_socket_mode_response(SocketModeResponse(envelope_id=envelope.envelope_id))


def admitted(url: str, instance: Instance) -> str:
    """The address, if it is encrypted and in the vendor's own domain, or on this machine where that is allowed."""
    target, home = urlsplit(url), urlsplit(instance.base_url)
    host, ours = target.hostname or "", home.hostname or ""
    same_place = (host, target.port) == (ours, home.port)
    if same_place and instance.allow_loopback and _is_loopback(host) and target.scheme == "ws":
        return url
    if target.scheme != "wss" or not (same_place or host.endswith(f".{ours}")):
        raise LineRefused(f"{host or 'no host'} is not where the instance lives")
    return url


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
