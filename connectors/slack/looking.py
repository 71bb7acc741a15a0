"""Looking at messages: one by its place, one by our marker, what people see of it. Nothing here writes."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from connectors.errors import ConfigInvalid, Refused, SendAborted, TransportError
from connectors.outcomes import reading
from connectors.slack import wire
from connectors.slack.text import unescaped
from connectors.slack.transport import SdkTransport, SlackTransport
from connectors.types import CallContext, Failed, JsonObject

Open: TypeAlias = Callable[[CallContext], SlackTransport]
open_sdk: Open = SdkTransport

LOOK_BACK, MOST_PAGES = 200, 5
NOT_FOUND = "slack_message_not_found"
UNREADABLE = (ConfigInvalid, Refused, TransportError, SendAborted)


def guarded(transport: SlackTransport, args: Mapping[str, Any]) -> JsonObject:
    """The message as it stands; empty when somebody has deleted it."""
    try:
        return get(transport, args)
    except Refused as refused:
        if refused.failed.code != NOT_FOUND:
            raise
        return {}


def changed(message: Mapping[str, Any], expected: Mapping[str, Any]) -> bool:
    return any(message[name] != value for name, value in expected.items())


def content_of(image: Mapping[str, Any]) -> JsonObject:
    """What people see of a message: text and blocks can be changed one without the other."""
    return {name: image[name] for name in ("text", "blocks") if name in image}


def shown(message: Mapping[str, Any]) -> JsonObject:
    return {"text": _text(message), "blocks": message.get("blocks") or []}


def get(transport: SlackTransport, args: Mapping[str, Any]) -> JsonObject:
    """Raises Refused: `slack_message_not_found` when nothing stands at `ts`."""
    channel, ts = args["channel"], args["ts"]
    message = _standing(ts, _history(transport, channel=channel, latest=ts, inclusive=True, limit=1)["messages"])
    if message is None:
        message = _in_thread(transport, channel, ts)
    if message is None:
        raise Refused(Failed(permanent=True, code=NOT_FOUND, detail="no message at this ts"))
    edited = str((message.get("edited") or {}).get("ts", ""))
    return {"channel": channel, "ts": ts, **shown(message), "marker": wire.marker_of(message), "edited": edited}


def public(message: JsonObject) -> JsonObject:
    return {name: value for name, value in message.items() if name != "edited"}


def _standing(ts: str, messages: list[JsonObject]) -> JsonObject | None:
    return next((message for message in messages if message.get("ts") == ts), None)


def _in_thread(transport: SlackTransport, channel: str, ts: str) -> JsonObject | None:
    """The history of a channel does not show the replies in its threads."""
    try:
        page = _history(
            transport, "conversations_replies", channel=channel, ts=ts, oldest=ts, latest=ts, inclusive=True, limit=2
        )
    except Refused as refused:
        if refused.failed.code != "slack_thread_not_found":
            raise
        return None
    return _standing(ts, page["messages"])


def _text(message: Mapping[str, Any]) -> str:
    return unescaped(str(message.get("text") or ""))


def _history(transport: SlackTransport, method: str = "conversations_history", **query: Any) -> JsonObject:
    with reading():
        answer = transport.call(method, include_all_metadata=True, **query)
    if isinstance(answer, Failed):
        raise Refused(answer)
    return {"messages": answer.get("messages") or [], "more": bool(answer.get("has_more"))}


def find(transport: SlackTransport, ctx: CallContext, args: JsonObject) -> tuple[JsonObject | None, bool]:
    """Slack has no idempotency key: look for the marker where the post went, since the call was proposed.

    Also says whether there were more messages than were looked at.
    """
    thread = {"ts": args["thread_ts"]} if args.get("thread_ts") else {}
    method, onward = ("conversations_replies", "oldest") if thread else ("conversations_history", "latest")
    query = {"channel": args["channel"], "limit": LOOK_BACK, "oldest": f"{ctx.since:.6f}", **thread}
    for _ in range(MOST_PAGES):
        page = _history(transport, method, **query)
        ours = next((message for message in page["messages"] if wire.marker_of(message) == ctx.marker), None)
        if ours is not None or not page["more"] or not page["messages"]:
            return ours, False
        query[onward] = page["messages"][-1]["ts"]
    return None, True
