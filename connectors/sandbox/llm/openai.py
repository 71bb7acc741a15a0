"""OpenAI Chat Completions and Responses, and Azure OpenAI's classic and v1 addresses of the same.

Sources: platform.openai.com API reference; learn.microsoft.com, Azure OpenAI REST reference (api-version
2024-10-21, v1).
"""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Callable
from typing import Any

from connectors.sandbox import accounts
from connectors.sandbox.llm.model import DEFAULT_OUTPUT_LIMIT, NAME, Generation, Model
from connectors.sandbox.llm.parts import Refusal, flatten, required
from connectors.sandbox.wire import Request, Response, reply

Body = dict[str, Any]
CLASSIC = re.compile(r"^/openai/deployments/(?P<deployment>[^/]+)/chat/completions$")
CODES = {400: "invalid_request_error", 401: "invalid_api_key", 404: "model_not_found"}


def serve_openai(model: Model, request: Request, path: str) -> Response:
    key = request.headers.get("authorization", "").removeprefix("Bearer ")
    return _guarded(model, request, path.removeprefix("/v1"), key == accounts.OPENAI_KEY, (NAME,), _openai_error)


def serve_azure(model: Model, request: Request, path: str) -> Response:
    """The classic address names the deployment in the path and needs `api-version`.

    V1 names it as the model.
    """
    bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
    known = accounts.AZURE_KEY in (request.headers.get("api-key"), bearer)
    classic = CLASSIC.match(path)
    if not classic:
        tail = path.removeprefix("/openai/v1")
        return _guarded(model, request, tail, known, accounts.AZURE_DEPLOYMENTS, _azure_error)
    if not request.query("api-version"):
        return _azure_error(Refusal(404, "Resource not found", "404"))
    given = (classic["deployment"],) if classic["deployment"] in accounts.AZURE_DEPLOYMENTS else ()
    return _guarded(model, request, "/chat/completions", known, given, _azure_error, named=classic["deployment"])


def _guarded(
    model: Model,
    request: Request,
    path: str,
    known: bool,
    models: tuple[str, ...],
    shaped: Callable[[Refusal], Response],
    *,
    named: str = "",
) -> Response:
    try:
        if not known:
            raise Refusal(401, "Incorrect API key provided")
        if path not in ROUTES or request.method != "POST":
            raise Refusal(404, f"Invalid URL ({request.method} {request.path})", "unknown_url")
        body = {**request.json(), **({"model": named} if named else {})}
        required(body, ("model",))
        if body["model"] not in models:
            raise Refusal(404, f"The model `{body['model']}` does not exist")
        return reply(200, ROUTES[path](model, body), {"x-request-id": "req_" + secrets.token_hex(12)})
    except Refusal as refused:
        return shaped(refused)


def _openai_error(refused: Refusal) -> Response:
    code = refused.code or CODES[refused.status]
    error = {"message": str(refused), "type": "invalid_request_error", "param": None, "code": code}
    return reply(refused.status, {"error": error}, {"x-request-id": "req_" + secrets.token_hex(12)})


def _azure_error(refused: Refusal) -> Response:
    codes = {401: "401", 404: "DeploymentNotFound"}
    code = refused.code or codes.get(refused.status, "BadRequest")
    error = {"code": code, "message": str(refused)}
    return reply(refused.status, {"error": error}, {"apim-request-id": secrets.token_hex(16)})


def _chat(model: Model, body: Body) -> Body:
    required(body, ("messages",))
    schema, tool = _chat_schema(body)
    prompt = "\n".join(flatten(m.get("content")) for m in body["messages"] if m.get("role") == "user")
    rest = [m for m in body["messages"] if m.get("role") != "user"]
    made = model.generate(prompt, _extra(body, rest, ("response_format", "tools")), schema, _limit(body))
    message: Body = {"role": "assistant", "content": None if tool else made.text, "refusal": None}
    if tool:
        call = {"name": tool, "arguments": made.text}
        message["tool_calls"] = [{"id": "call_" + secrets.token_hex(12), "type": "function", "function": call}]
    reason = "length" if made.cut else "tool_calls" if tool else "stop"
    return {
        "id": "chatcmpl-" + secrets.token_hex(12),
        "object": "chat.completion",
        "created": int(time.time()),
        "model": NAME,
        "choices": [{"index": 0, "message": message, "finish_reason": reason, "logprobs": None}],
        "usage": {
            "prompt_tokens": made.tokens_in,
            "completion_tokens": made.tokens_out,
            "total_tokens": made.tokens_in + made.tokens_out,
            "prompt_tokens_details": {"cached_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0},
        },
    }


def _chat_schema(body: Body) -> tuple[Body | None, str]:
    wanted = body.get("response_format", {})
    if wanted.get("type") == "json_schema":
        return wanted["json_schema"]["schema"], ""
    choice = body.get("tool_choice")
    name = choice.get("function", {}).get("name", "") if isinstance(choice, dict) else ""
    tools = [tool["function"] for tool in body.get("tools", []) if tool["function"]["name"] == name]
    return (tools[0]["parameters"], name) if tools else (None, "")


def _responses(model: Model, body: Body) -> Body:
    required(body, ("input",))
    wanted = body.get("text", {}).get("format", {})
    schema = wanted["schema"] if wanted.get("type") == "json_schema" else None
    given = body["input"]
    messages = [{"role": "user", "content": given}] if isinstance(given, str) else given
    prompt = "\n".join(flatten(m.get("content")) for m in messages if m.get("role") == "user")
    rest = [m for m in messages if m.get("role") != "user"]
    made = model.generate(prompt, _extra(body, rest, ("instructions", "text")), schema, _limit(body))
    return _response_body(made)


def _response_body(made: Generation) -> Body:
    part = {"type": "output_text", "text": made.text, "annotations": []}
    message = {
        "id": "msg_" + secrets.token_hex(12),
        "type": "message",
        "role": "assistant",
        "content": [part],
    }
    return {
        "id": "resp_" + secrets.token_hex(12),
        "object": "response",
        "created_at": int(time.time()),
        "model": NAME,
        "status": "incomplete" if made.cut else "completed",
        "incomplete_details": {"reason": "max_output_tokens"} if made.cut else None,
        "error": None,
        "output": [message | {"status": "completed"}],
        "usage": {
            "input_tokens": made.tokens_in,
            "output_tokens": made.tokens_out,
            "total_tokens": made.tokens_in + made.tokens_out,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens_details": {"reasoning_tokens": 0},
        },
    }


def _extra(body: Body, rest: list[Body], names: tuple[str, ...]) -> str:
    return json.dumps([{name: body[name] for name in names if name in body}, rest], ensure_ascii=False)


def _limit(body: Body) -> int:
    names = ("max_completion_tokens", "max_output_tokens", "max_tokens")
    return next((int(body[name]) for name in names if body.get(name)), DEFAULT_OUTPUT_LIMIT)


ROUTES: dict[str, Callable[[Model, Body], Body]] = {"/chat/completions": _chat, "/responses": _responses}
