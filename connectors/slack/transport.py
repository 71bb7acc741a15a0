"""Slack's own client on the base transport.

slack_sdk builds and checks the calls; its one method that opens a socket is replaced, so that it neither
retries, nor follows redirects, nor reads proxies from the environment.
"""

from contextlib import suppress
from typing import Any, Protocol
from urllib.request import Request

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from connectors.errors import ConfigInvalid, NothingSent
from connectors.slack import wire
from connectors.transport import Reply, Transport
from connectors.types import CallContext, Exchange, Failed, JsonObject


class SlackTransport(Protocol):
    """Calls one Web API method; a refusal comes back as Failed. May raise a TransportError."""

    @property
    def exchanges(self) -> list[Exchange]: ...

    def call(self, method: str, **arguments: Any) -> JsonObject | Failed: ...


class GovernedClient(WebClient):
    """WebClient without a socket of its own."""

    def __init__(self, http: Transport, token: str) -> None:
        base = http.ctx.instance.base_url.rstrip("/")
        super().__init__(token=token, base_url=f"{base}/api/", retry_handlers=[])
        self._http = http
        self.last: Reply | None = None

    def _perform_urllib_http_request_internal(self, url: str, req: Request) -> dict[str, Any]:
        self.last = self._http.send("POST", url, headers=dict(req.header_items()), body=_body(req))
        return {
            "status": self.last.status,
            "headers": dict(self.last.headers),
            "body": self.last.body.decode("utf-8", "replace"),
        }


class SdkTransport:
    """One call's slack_sdk client. Credential slot `bot_token`."""

    def __init__(self, ctx: CallContext) -> None:
        if "bot_token" not in ctx.credentials:
            raise ConfigInvalid(f"instance {ctx.instance.name} needs the credential bot_token")
        self._http = Transport(ctx)
        self._client = GovernedClient(self._http, ctx.credentials["bot_token"].decode())

    @property
    def exchanges(self) -> list[Exchange]:
        return self._http.exchanges

    def call(self, method: str, **arguments: Any) -> JsonObject | Failed:
        with suppress(SlackApiError):  # the reply itself is judged below, like every other answer
            getattr(self._client, method)(**arguments)
        reply = self._client.last
        if reply is None:
            raise NothingSent("client_silent", "slack_sdk did not send the request", permanent=True)
        return wire.accepted(reply.status, reply.json_object(), reply.retry_after_s())


def _body(request: Request) -> bytes:
    if request.data is None:
        return b""
    if not isinstance(request.data, bytes):
        raise NothingSent("client_body", "slack_sdk prepared a streamed body", permanent=True)
    return request.data
