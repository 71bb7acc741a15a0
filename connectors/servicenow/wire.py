"""What the Table API says and what it means. Pure.

Sources: ServiceNow docs `c_TableAPI`, `r_RESTAPIHTTPResponseCodes`, `inbound-REST-API-rate-limiting`.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from connectors import retry_after
from connectors.errors import ReplyLost
from connectors.types import Failed, JsonObject
from controlplane.lib import clock

Cell = Mapping[str, Any]
DEFAULT_BACKOFF_S = 5.0

_REFUSALS = {
    400: "invalid_request",
    401: "auth_failed",
    403: "forbidden",
    404: "not_found",
    405: "invalid_request",
    406: "invalid_request",
    409: "target_conflict",
    415: "invalid_request",
}


def refusal(status: int, headers: Mapping[str, str], body: JsonObject | None) -> Failed | None:
    """A definite no, or None when the answer proves nothing (a 5xx can follow the commit, HTML a login page).

    Only a status together with a JSON error body counts as ServiceNow's own answer.
    """
    error = (body or {}).get("error")
    if not isinstance(error, Mapping) or status < 400:
        return None
    detail = " ".join(str(error.get(key) or "") for key in ("message", "detail")).strip()
    if status == 429:
        return Failed(permanent=False, code="rate_limited", detail=detail, retry_after_s=_wait(headers))
    code = _REFUSALS.get(status)
    if code is None:
        return None
    return Failed(permanent=True, code=_forbidden(detail) if status == 403 else code, detail=detail)


def record(status: int, body: JsonObject | None, *, retry_after_s: float | None = None) -> dict[str, Cell]:
    """The cells of one record rendered with display_value=all; else raises ReplyLost."""
    result = (body or {}).get("result")
    if status not in (200, 201) or "error" in (body or {}) or not isinstance(result, Mapping):
        raise ReplyLost("unusable_reply", f"HTTP {status} without a record", retry_after_s=retry_after_s)
    return {name: _cell(value) for name, value in result.items()}


def records(status: int, body: JsonObject | None, *, retry_after_s: float | None = None) -> list[dict[str, Cell]]:
    """The rows of a query, like `record`. A list cut short by an error carries `error` beside its rows."""
    rows = (body or {}).get("result")
    if status != 200 or "error" in (body or {}) or not isinstance(rows, list):
        raise ReplyLost("unusable_reply", f"HTTP {status} without rows", retry_after_s=retry_after_s)
    return [{name: _cell(value) for name, value in row.items()} for row in rows if isinstance(row, Mapping)]


def missing(cells: Mapping[str, Cell], requested: Iterable[str]) -> str:
    """Requested fields that are not there, as text: the Table API drops unknown fields silently."""
    return ", ".join(sorted(set(requested) - set(cells)))


def raw(cells: Mapping[str, Cell], fields: Iterable[str]) -> dict[str, str]:
    return {name: str(cells[name]["value"]) for name in fields}


def display(cells: Mapping[str, Cell], fields: Iterable[str]) -> dict[str, str]:
    return {name: str(cells[name]["display_value"]) for name in fields}


def _cell(value: object) -> Cell:
    """An empty reference is an empty string, everything else `{value, display_value}`."""
    if isinstance(value, Mapping):
        return {"value": value.get("value") or "", "display_value": value.get("display_value") or ""}
    return {"value": value or "", "display_value": value or ""}


def _forbidden(detail: str) -> str:
    lowered = detail.lower()
    if "business rule" in lowered:
        return "refused_by_rule"
    if "data policy" in lowered:
        return "refused_by_data_policy"
    return "forbidden"


def _wait(headers: Mapping[str, str]) -> float:
    """Seconds from `Retry-After`, else until `X-RateLimit-Reset` (Unix time); neither: a queue is full."""
    after = retry_after.seconds(headers.get("retry-after", ""), now=clock.now())
    if after is not None:
        return after
    reset = headers.get("x-ratelimit-reset", "")
    if reset.isascii() and reset.isdigit():
        return min(max(int(reset) - clock.now_ms() / 1000, 1.0), retry_after.CEILING_S)
    return DEFAULT_BACKOFF_S
