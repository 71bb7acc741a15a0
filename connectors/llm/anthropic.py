"""Anthropic Messages API. Pure. Source: docs.anthropic.com, Messages and structured outputs."""

from connectors.llm.types import Answer, Ask, Finish, Post
from connectors.types import JsonObject

VERSION = "2026-10-21"
_FINISH = {
    "end_turn": Finish.COMPLETE,
    "stop_sequence": Finish.COMPLETE,
    "max_tokens": Finish.TRUNCATED,
    "model_context_window_exceeded": Finish.TRUNCATED,
    "refusal": Finish.REFUSED,
}


def post(ask: Ask, *, version: str) -> Post:
    return Post(
        path="/v1/messages",
        headers={"anthropic-version": version or VERSION},
        body={
            "model": ask.model,
            "max_tokens": ask.max_tokens,
            "system": ask.system,
            "messages": [{"role": turn.role, "content": turn.text} for turn in ask.turns],
            "output_config": {"format": {"type": "json_schema", "schema": ask.schema}},
        },
    )


def answer(body: JsonObject) -> Answer:
    """`input_tokens` excludes what was read from or written to the cache. Raises KeyError, TypeError."""
    usage = body["usage"]
    cached = int(usage.get("cache_read_input_tokens") or 0)
    written = int(usage.get("cache_creation_input_tokens") or 0)
    return Answer(
        text="".join(str(part["text"]) for part in body["content"] if part.get("type") == "text"),
        finish=_FINISH.get(str(body["stop_reason"]), Finish.TRUNCATED),
        served_model=str(body["model"]),
        tokens_in=int(usage["input_tokens"]) + cached + written,
        tokens_cached=cached,
        tokens_out=int(usage["output_tokens"]),
    )
