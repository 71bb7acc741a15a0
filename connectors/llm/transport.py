"""Model providers over the base transport: thin, no SDK, no second try."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from connectors.errors import ConfigInvalid, ReplyLost
from connectors.llm import anthropic, openai, refusals
from connectors.llm.types import Answer, Ask, Post, WireApi
from connectors.transport import Reply, Transport
from connectors.types import CallContext, Exchange, Failed, JsonObject


class LlmTransport(Protocol):
    """Asks once; a provider's refusal comes back as Failed. May raise a TransportError."""

    @property
    def exchanges(self) -> list[Exchange]: ...

    @property
    def provider(self) -> str: ...

    def generate(self, ask: Ask) -> Answer | Failed: ...


class _Build(Protocol):
    def __call__(self, ask: Ask, *, version: str) -> Post: ...


@dataclass(frozen=True, slots=True)
class _Wire:
    build: _Build
    parse: Callable[[JsonObject], Answer]
    key_header: str
    key_prefix: str = ""


WIRES: Mapping[WireApi, _Wire] = {
    WireApi.ANTHROPIC_MESSAGES: _Wire(anthropic.post, anthropic.answer, "x-api-key"),
    WireApi.OPENAI_CHAT: _Wire(openai.post_chat, openai.chat_answer, "authorization", "Bearer "),
    WireApi.OPENAI_RESPONSES: _Wire(openai.post_responses, openai.responses_answer, "authorization", "Bearer "),
    WireApi.AZURE_CLASSIC: _Wire(openai.post_azure_classic, openai.chat_answer, "api-key"),
    WireApi.AZURE_V1: _Wire(openai.post_azure_v1, openai.chat_answer, "api-key"),
}


class HttpLlmTransport:
    """Config: `wire_api`, optional `wire_version`, optional `deployments` (model → Azure deployment).

    Credential slot `api_key`.
    """

    def __init__(self, ctx: CallContext) -> None:
        self._http = Transport(ctx)
        self._api = _wire_api(ctx)
        self._key = _key(ctx)

    @property
    def exchanges(self) -> list[Exchange]:
        return self._http.exchanges

    @property
    def provider(self) -> str:
        return self._api.provider

    def generate(self, ask: Ask) -> Answer | Failed:
        wire, config = WIRES[self._api], self._http.ctx.instance.config
        deployed = config.get("deployments", {}).get(ask.model, ask.model)
        post = wire.build(replace(ask, model=deployed), version=config.get("wire_version", ""))
        reply = self._http.send(
            "POST",
            self._http.ctx.instance.base_url.rstrip("/") + post.path,
            headers={
                "content-type": "application/json",
                "accept": "application/json",
                wire.key_header: wire.key_prefix + self._key,
                **post.headers,
            },
            body=json.dumps(post.body, ensure_ascii=False).encode(),
        )
        return _judged(reply, wire)


def _judged(reply: Reply, wire: _Wire) -> Answer | Failed:
    body = reply.json_object()
    if reply.status != 200:
        return refusals.failure(reply.status, body, reply.retry_after_s())
    if body is None:
        raise ReplyLost("unusable_reply", "HTTP 200 without JSON")
    try:
        return wire.parse(body)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise ReplyLost("unusable_reply", f"not a completion: {type(error).__name__}") from error


def _wire_api(ctx: CallContext) -> WireApi:
    named = ctx.instance.config.get("wire_api", "")
    if named not in set(WireApi):
        raise ConfigInvalid(f"wire_api must be one of {', '.join(WireApi)}, not {named!r}")
    return WireApi(named)


def _key(ctx: CallContext) -> str:
    if "api_key" not in ctx.credentials:
        raise ConfigInvalid(f"instance {ctx.instance.name} needs the credential api_key")
    return ctx.credentials["api_key"].decode()
