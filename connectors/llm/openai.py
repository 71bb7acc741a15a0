"""OpenAI Chat Completions and Responses, and Azure OpenAI's classic and v1 addresses of Chat. Pure.

Sources: platform.openai.com API reference; learn.microsoft.com, Azure OpenAI REST reference.
"""

from typing import Any
from urllib.parse import quote

from connectors.llm.types import Answer, Ask, Finish, Post
from connectors.types import JsonObject

AZURE_VERSION = "2024-10-21"
_FINISH = {
    "stop": Finish.COMPLETE,
    "length": Finish.TRUNCATED,
    "content_filter": Finish.FILTERED,
}
_INCOMPLETE = {"max_output_tokens": Finish.TRUNCATED, "content_filter": Finish.FILTERED}


def post_chat(ask: Ask, *, version: str) -> Post:  # noqa: ARG001 - same shape for every wire
    body = {**_chat(ask), "max_completion_tokens": ask.max_tokens, "store": False}
    return Post("/v1/chat/completions", {}, body)


def post_azure_v1(ask: Ask, *, version: str) -> Post:  # noqa: ARG001 - same shape for every wire
    body = {**_chat(ask), "max_completion_tokens": ask.max_tokens}
    return Post("/openai/v1/chat/completions", {}, body)


def post_azure_classic(ask: Ask, *, version: str) -> Post:
    """The deployment is part of the path, the body has no model."""
    deployment = quote(ask.model, safe="")
    path = f"/openai/deployments/{deployment}/chat/completions?api-version={version or AZURE_VERSION}"
    body = {**_chat(ask), "max_tokens": ask.max_tokens}
    del body["model"]
    return Post(path, {}, body)


def post_responses(ask: Ask, *, version: str) -> Post:  # noqa: ARG001 - same shape for every wire
    body = {
        "model": ask.model,
        "instructions": ask.system,
        "input": _turns(ask),
        "text": {"format": {"type": "json_schema", **_schema(ask)}},
        "max_output_tokens": ask.max_tokens,
        "store": False,
    }
    return Post("/v1/responses", {}, body)


def chat_answer(body: JsonObject) -> Answer:
    """Raises KeyError, IndexError, TypeError for a body that is no completion."""
    choice, usage = body["choices"][0], body["usage"]
    message = choice["message"]
    refused = bool(message.get("refusal"))
    return Answer(
        text=str(message.get("content") or ""),
        finish=Finish.REFUSED if refused else _FINISH.get(str(choice["finish_reason"]), Finish.TRUNCATED),
        served_model=str(body["model"]),
        tokens_in=int(usage["prompt_tokens"]),
        tokens_cached=int((usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0),
        tokens_out=int(usage["completion_tokens"]),
    )


def responses_answer(body: JsonObject) -> Answer:
    """Raises KeyError, TypeError for a body that is no response."""
    usage = body["usage"]
    parts = [part for item in body["output"] if item.get("type") == "message" for part in item["content"]]
    return Answer(
        text="".join(str(part["text"]) for part in parts if part.get("type") == "output_text"),
        finish=_responses_finish(body, parts),
        served_model=str(body["model"]),
        tokens_in=int(usage["input_tokens"]),
        tokens_cached=int((usage.get("input_tokens_details") or {}).get("cached_tokens") or 0),
        tokens_out=int(usage["output_tokens"]),
    )


def _responses_finish(body: JsonObject, parts: list[dict[str, Any]]) -> Finish:
    if any(part.get("type") == "refusal" for part in parts):
        return Finish.REFUSED
    if body["status"] == "completed":
        return Finish.COMPLETE
    reason = str((body.get("incomplete_details") or {}).get("reason"))
    return _INCOMPLETE.get(reason, Finish.TRUNCATED)


def _chat(ask: Ask) -> dict[str, Any]:
    return {
        "model": ask.model,
        "messages": [{"role": "system", "content": ask.system}, *_turns(ask)],
        "response_format": {"type": "json_schema", "json_schema": _schema(ask)},
    }


def _turns(ask: Ask) -> list[dict[str, str]]:
    return [{"role": turn.role, "content": turn.text} for turn in ask.turns]


def _schema(ask: Ask) -> dict[str, Any]:
    return {"name": ask.schema_name, "strict": True, "schema": ask.schema}
