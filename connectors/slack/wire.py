"""What the Slack Web API says and what it means. Pure.

Source: docs.slack.dev, Web API "Evaluating responses" and the error tables of chat.postMessage/chat.update.
"""

from connectors.errors import ReplyLost
from connectors.types import Failed, JsonObject

MARKER_EVENT = "interlock_message"
DEFAULT_BACKOFF_S = 1.0

_LATER = frozenset({"ratelimited", "rate_limited"})
_MAYBE_DONE = frozenset(
    {"fatal_error", "internal_error", "request_timeout", "service_unavailable", "team_added_to_org"}
)
_AUTH = frozenset({"account_inactive", "invalid_auth", "not_authed", "token_expired", "token_revoked", "no_permission"})


def accepted(status: int, body: JsonObject | None, retry_after_s: float | None) -> JsonObject | Failed:
    """The body of an `ok` answer, or the refusal. Raises ReplyLost where Slack itself may have acted.

    `fatal_error` is documented as "some aspect of the operation may have succeeded".
    """
    if status == 429:
        return _throttled(retry_after_s)
    if status != 200 or body is None or not isinstance(body.get("ok"), bool):
        raise ReplyLost("unusable_reply", f"HTTP {status} without a Slack answer", retry_after_s=retry_after_s)
    if body["ok"]:
        return body
    error = str(body.get("error") or "unknown")
    if error in _LATER:
        return _throttled(retry_after_s)
    if error in _MAYBE_DONE:
        raise ReplyLost(error, "Slack reports an error that does not exclude the effect")
    code = "auth_failed" if error in _AUTH else f"slack_{error}"
    return Failed(permanent=True, code=code, detail=error)


def metadata(marker: str) -> JsonObject:
    """Message metadata that carries the marker; people do not see it, `conversations.history` returns it."""
    return {"event_type": MARKER_EVENT, "event_payload": {"marker": marker}}


def marker_of(message: JsonObject) -> str:
    """The marker of a message of ours, else ''."""
    found = message.get("metadata") or {}
    if found.get("event_type") != MARKER_EVENT:
        return ""
    return str((found.get("event_payload") or {}).get("marker") or "")


def _throttled(retry_after_s: float | None) -> Failed:
    wait = DEFAULT_BACKOFF_S if retry_after_s is None else retry_after_s
    return Failed(permanent=False, code="rate_limited", detail="Slack asks to wait", retry_after_s=wait)
