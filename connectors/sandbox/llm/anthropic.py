"""`POST /anthropic/v1/messages`.

Source: docs.anthropic.com, Messages API, versions 2023-06-01 and 2026-10-21.
"""

from __future__ import annotations

import json
import secrets
from typing import Any

from connectors.sandbox import accounts
from connectors.sandbox.llm.model import DEFAULT_OUTPUT_LIMIT, NAME, Generation, Model
from connectors.sandbox.llm.parts import Refusal, flatten, required
from connectors.sandbox.wire import Request, Response, reply

VERSIONS = ("2023-06-01", "2026-10-21")
WITHOUT_SAMPLING = "2026-10-21"
KINDS = {
    400: "invalid_request_error",
    401: "authentication_error",
    404: "not_found_error",
    405: "invalid_request_error",
}


def serve(model: Model, request: Request, path: str) -> Response:
    request_id = "req_" + secrets.token_hex(12)
    try:
        if path != "/v1/messages" or request.method != "POST":
            raise Refusal(404, "Not found")
        _authorised(request)
        body = request.json()
        _check(request, body)
        return reply(200, _answer(model, body), {"request-id": request_id})
    except Refusal as refused:
        error = {"type": KINDS[refused.status], "message": str(refused)}
        wrong = {"type": "error", "error": error, "request_id": request_id}
        return reply(refused.status, wrong, {"request-id": request_id})


def _authorised(request: Request) -> None:
    bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
    key = request.headers.get("x-api-key") or bearer
    if not secrets.compare_digest(key.encode(), accounts.ANTHROPIC_KEY.encode()):
        raise Refusal(401, "invalid x-api-key")


def _check(request: Request, body: dict[str, Any]) -> None:
    version = request.headers.get("anthropic-version", "")
    if version not in VERSIONS:
        raise Refusal(400, f"anthropic-version: {version or 'header is required'}")
    sampling = [name for name in ("temperature", "top_p", "top_k") if name in body]
    if version == WITHOUT_SAMPLING and sampling:
        raise Refusal(400, f"{sampling[0]}: Extra inputs are not permitted")
    required(body, ("model", "messages", "max_tokens"))
    if body["model"] != NAME:
        raise Refusal(404, f"model: {body['model']}")


def _answer(model: Model, body: dict[str, Any]) -> dict[str, Any]:
    schema, tool = _schema(body)
    prompt = "\n".join(flatten(message.get("content")) for message in body["messages"] if message["role"] == "user")
    asked = {name: body[name] for name in ("system", "tools", "output_config") if name in body}
    earlier = [message for message in body["messages"] if message["role"] != "user"]
    extra = json.dumps([asked, earlier], ensure_ascii=False)
    made = model.generate(prompt, extra, schema, int(body.get("max_tokens", DEFAULT_OUTPUT_LIMIT)))
    return {
        "id": "msg_" + secrets.token_hex(12),
        "type": "message",
        "role": "assistant",
        "model": NAME,
        "content": [_content(made, tool)],
        "stop_reason": "max_tokens" if made.cut else "tool_use" if tool else "end_turn",
        "stop_sequence": None,
        "usage": {
            "input_tokens": made.tokens_in,
            "output_tokens": made.tokens_out,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
        },
    }


def _schema(body: dict[str, Any]) -> tuple[dict[str, Any] | None, str]:
    """The schema asked for, and the name of the forced tool if that is how."""
    wanted = body.get("output_config", {}).get("format", {})
    if wanted.get("type") == "json_schema":
        return wanted["schema"], ""
    choice = body.get("tool_choice", {})
    if choice.get("type") not in ("tool", "any"):
        return None, ""
    tools = [tool for tool in body.get("tools", []) if choice.get("name", tool["name"]) == tool["name"]]
    if not tools:
        raise Refusal(400, "tool_choice: no such tool")
    return tools[0]["input_schema"], tools[0]["name"]


def _content(made: Generation, tool: str) -> dict[str, Any]:
    if not tool:
        return {"type": "text", "text": made.text}
    return {"type": "tool_use", "id": "toolu_" + secrets.token_hex(12), "name": tool, "input": made.value}
