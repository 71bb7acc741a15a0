"""What a provider's error status means. Pure.

Sources: platform.openai.com error codes; docs.anthropic.com errors; learn.microsoft.com Azure OpenAI.
"""

from collections.abc import Mapping
from typing import Any

from connectors.types import Failed, JsonObject

DEFAULT_BACKOFF_S = 5.0

_SPENT = frozenset(
    {
        "billing_hard_limit_reached",
        "contract_spend_limit_reached",
        "credit_balance_exhausted",
        "enforced_spend_limit_reached",
        "insufficient_quota",
    }
)
_PERMANENT = {
    400: "invalid_request",
    401: "auth_failed",
    402: "quota_exhausted",
    403: "forbidden",
    404: "model_not_found",
    413: "request_too_large",
    422: "invalid_request",
}
_OVERLOADED = frozenset({500, 502, 503, 504, 529})


def failure(status: int, body: JsonObject | None, retry_after_s: float | None) -> Failed:
    """For every status but 200. A model call has no effect at the target, so 5xx may simply be tried again."""
    error = _error(body)
    detail = str(error.get("message") or f"HTTP {status}")
    if status == 429:
        return _limited(error, detail, retry_after_s)
    if status in _OVERLOADED:
        return Failed(permanent=False, code="overloaded", detail=detail, retry_after_s=retry_after_s)
    if status == 400 and "content_filter" in _codes(error):
        return Failed(permanent=True, code="content_filtered", detail=detail)
    return Failed(permanent=True, code=_PERMANENT.get(status, "protocol_error"), detail=detail)


def _limited(error: Mapping[str, Any], detail: str, retry_after_s: float | None) -> Failed:
    if _codes(error) & _SPENT:
        return Failed(permanent=True, code="quota_exhausted", detail=detail)
    wait = DEFAULT_BACKOFF_S if retry_after_s is None else retry_after_s
    return Failed(permanent=False, code="rate_limited", detail=detail, retry_after_s=wait)


def _error(body: JsonObject | None) -> Mapping[str, Any]:
    error = (body or {}).get("error")
    return error if isinstance(error, Mapping) else {}


def _codes(error: Mapping[str, Any]) -> set[str]:
    """OpenAI and Azure: `code` and `type`; Anthropic: `details.error_code`."""
    details = error.get("details")
    deeper = details.get("error_code") if isinstance(details, Mapping) else None
    return {str(value) for value in (error.get("code"), error.get("type"), deeper) if value}
