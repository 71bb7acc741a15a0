"""One HTTP request and one HTTP reply, as the stand-ins see them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, parse_qsl

JSON = "application/json;charset=utf-8"


class BadBodyError(ValueError):
    """The body is not what its Content-Type says."""


@dataclass(frozen=True)
class Request:
    """`headers` have lower-case names.

    `origin` is the address that the client used, without a trailing slash.
    """

    method: str
    path: str
    query_string: str
    headers: Mapping[str, str]
    body: bytes
    origin: str = ""

    def query(self, name: str, default: str = "") -> str:
        values = parse_qs(self.query_string, keep_blank_values=True).get(name)
        return values[-1] if values else default

    def json(self) -> dict[str, Any]:
        """The body as a JSON object; an empty body is an empty object."""
        try:
            value = json.loads(self.body or b"{}")
        except ValueError as broken:
            raise BadBodyError(str(broken)) from broken
        if not isinstance(value, dict):
            raise BadBodyError("a JSON object is expected")
        return value

    def form(self) -> dict[str, str]:
        try:
            return dict(parse_qsl(self.body.decode(), keep_blank_values=True))
        except UnicodeDecodeError as broken:
            raise BadBodyError("the form is not UTF-8") from broken

    def fields(self) -> dict[str, Any]:
        """Parameters of a vendor that takes JSON and forms alike (Slack); the query string counts too."""
        given: dict[str, Any] = dict(parse_qsl(self.query_string, keep_blank_values=True))
        is_json = self.headers.get("content-type", "").startswith("application/json")
        return given | (self.json() if is_json else self.form())


@dataclass(frozen=True)
class Response:
    """`sent`: how many bytes of the body leave before the connection is cut; None: all of them, and it stays.

    `stalls_s`: how long the server stalls before the cut.
    """

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = JSON
    sent: int | None = None
    stalls_s: float = 0.0


def reply(status: int, value: object, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON reply."""
    return Response(status, json.dumps(value, ensure_ascii=False).encode(), headers or {})


def page(markup: str, status: int = 200) -> Response:
    return Response(status, markup.encode(), content_type="text/html;charset=utf-8")
