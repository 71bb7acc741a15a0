"""Verbs of `slack.message.*`. Texts are untrusted: they are escaped, and shown as plain text."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from connectors.errors import ConfigInvalid, Refused, SendAborted, TransportError
from connectors.outcomes import reading, settled
from connectors.slack import wire
from connectors.slack.text import escaped, plain, unescaped
from connectors.slack.transport import SdkTransport, SlackTransport
from connectors.types import (
    CallContext,
    CannotTell,
    Change,
    Done,
    Failed,
    JsonObject,
    Label,
    Landed,
    NotLanded,
    Observation,
    Outcome,
    Preview,
    Probe,
    UndoRecipe,
    Verified,
)

Open: TypeAlias = Callable[[CallContext], SlackTransport]
open_sdk: Open = SdkTransport

LOOK_BACK, MOST_PAGES = 200, 5
NOT_FOUND = "slack_message_not_found"
CORRECTION = "Correction: the message that stood here no longer holds. The change it announced was rolled back."
CANNOT_UNSEE = ("what people have read or done because of the message", "notifications already shown")
UNREADABLE = (ConfigInvalid, Refused, TransportError, SendAborted)


@dataclass(frozen=True, slots=True)
class GetMessage:
    """`slack.message.get`, args `{channel, ts}`."""

    open: Open = open_sdk

    def do(self, ctx: CallContext, args: JsonObject, expected: JsonObject) -> Outcome:
        return settled(ctx, self.open, lambda transport: Done(output=_public(_get(transport, args))))


@dataclass(frozen=True, slots=True)
class PostMessage:
    """`slack.message.post`, args `{channel, text, blocks?, thread_ts?}`."""

    open: Open = open_sdk

    def observe_spec(self, args: JsonObject) -> Observation | None:
        return None

    def expect(self, args: JsonObject, before: JsonObject | None) -> JsonObject:
        return {}

    def preview(self, args: JsonObject, before: JsonObject | None) -> Preview:
        line = Change("text", "Message", "", args["text"])
        return Preview("Post to Slack", f"channel {args['channel']}", (line,), 0)

    def do(self, ctx: CallContext, args: JsonObject, expected: JsonObject) -> Outcome:
        return settled(ctx, self.open, lambda transport: _post(transport, ctx, args))

    def probe(self, ctx: CallContext, args: JsonObject, expected: JsonObject) -> Probe:
        try:
            message, more = _find(self.open(ctx), ctx, args)
        except UNREADABLE as error:
            return CannotTell(str(error))
        if message is not None:
            return _landed(args, message, ctx.marker)
        return CannotTell(f"not among {LOOK_BACK * MOST_PAGES} messages, and there are more") if more else NotLanded()

    def by_hand(self, args: JsonObject, marker: str) -> str:
        place = "the thread" if args.get("thread_ts") else "the channel"
        return (
            f"Open {args['channel']} in Slack and look through {place} for the message of this step, posted by the app"
            f" around that time; its metadata (conversations.history with include_all_metadata) holds {marker}."
        )

    def undo(
        self,
        args: JsonObject,
        before: JsonObject | None,
        after: JsonObject | None,
    ) -> UndoRecipe:
        """The message is replaced by a correction; planned without `ts`, which only Slack knows."""
        place = {"channel": args["channel"], **({"ts": after["ts"]} if after else {})}
        return UndoRecipe(
            tool="slack.message.update",
            args={**place, "text": CORRECTION},
            expected={**_content_of(after), "edited": ""} if after else {},
            summary=f"Replace the message in {args['channel']} by a correction",
            cannot=CANNOT_UNSEE,
        )

    def verify(self, ctx: CallContext, args: JsonObject, after: JsonObject) -> Verified:
        return _verify(self.open, ctx, after, label=None)


@dataclass(frozen=True, slots=True)
class UpdateMessage:
    """`slack.message.update`, args `{channel, ts, text, blocks?}`. Sending it twice leaves the same message."""

    open: Open = open_sdk

    def observe_spec(self, args: JsonObject) -> Observation:
        return Observation("slack.message.get", {"channel": args["channel"], "ts": args["ts"]})

    def expect(self, args: JsonObject, before: JsonObject | None) -> JsonObject:
        return _content_of(before) if before else {}

    def preview(self, args: JsonObject, before: JsonObject | None) -> Preview:
        line = Change("text", "Message", before["text"] if before else "", args["text"])
        return Preview("Replace a Slack message", f"message {args['ts']} in {args['channel']}", (line,), 0)

    def do(self, ctx: CallContext, args: JsonObject, expected: JsonObject) -> Outcome:
        return settled(ctx, self.open, lambda transport: _update(transport, ctx, args, expected))

    def probe(self, ctx: CallContext, args: JsonObject, expected: JsonObject) -> Probe:
        try:
            message = _get(self.open(ctx), args)
        except UNREADABLE as error:
            return CannotTell(str(error))
        if message["marker"] == ctx.marker:
            return _landed(args, message, ctx.marker)
        if _changed(message, expected):
            return CannotTell("no marker, but the message was changed since")
        return NotLanded()

    def by_hand(self, args: JsonObject, marker: str) -> str:
        return (
            f"Open the message {args['ts']} in {args['channel']} and compare it with the text of this step;"
            f" its metadata holds {marker} when the replacement landed."
        )

    def undo(
        self,
        args: JsonObject,
        before: JsonObject | None,
        after: JsonObject | None,
    ) -> UndoRecipe | None:
        if before is None:
            return None
        old = {"text": before["text"], **({"blocks": before["blocks"]} if before["blocks"] else {})}
        return UndoRecipe(
            tool="slack.message.update",
            args={"channel": args["channel"], "ts": args["ts"], **old},
            expected=_content_of(after) if after else {},
            summary=f"Put the earlier text of the message in {args['channel']} back",
            cannot=CANNOT_UNSEE,
        )

    def verify(self, ctx: CallContext, args: JsonObject, after: JsonObject) -> Verified:
        return _verify(self.open, ctx, after, label=Label.OFFSET)


def _post(transport: SlackTransport, ctx: CallContext, args: JsonObject) -> Outcome:
    if ctx.again:
        # the earlier attempt was given up as absent; should it have landed since, it is not posted twice
        message, _ = _find(transport, ctx, args)
        if message is not None:
            found = _landed(args, message, ctx.marker)
            return Done(output=found.output, after=found.after)
    thread = {"thread_ts": args["thread_ts"]} if args.get("thread_ts") else {}
    content = {**_content(args), **thread}
    answer = transport.call("chat_postMessage", channel=args["channel"], metadata=wire.metadata(ctx.marker), **content)
    return _done(args["channel"], answer, ctx.marker, None)


def _update(transport: SlackTransport, ctx: CallContext, args: JsonObject, expected: JsonObject) -> Outcome:
    before = _guarded(transport, args) if expected else None
    if before == {}:
        return Failed(permanent=True, code="conflict", detail="the message was deleted since")
    if before and before["marker"] != ctx.marker and _changed(before, expected):
        return Failed(permanent=True, code="conflict", detail="the message was changed since")
    answer = transport.call(
        "chat_update",
        channel=args["channel"],
        ts=args["ts"],
        metadata=wire.metadata(ctx.marker),
        **_content(args),
    )
    return _done(args["channel"], answer, ctx.marker, before)


def _content(args: JsonObject) -> dict[str, Any]:
    """Blocks as given (cards are built by us), else the text in one plain section; `text` is the notification."""
    blocks = args.get("blocks") or [{"type": "section", "text": plain(args["text"])}]
    return {"text": escaped(args["text"]), "blocks": blocks, "unfurl_links": False, "unfurl_media": False}


def _done(channel: str, answer: JsonObject | Failed, marker: str, before: JsonObject | None) -> Outcome:
    if isinstance(answer, Failed):
        return answer
    place = {"channel": str(answer.get("channel") or channel), "ts": str(answer.get("ts", ""))}
    after = {**place, **_shown(answer.get("message") or {}), "marker": marker}
    return Done(output={**place, "marker": marker}, before=before, after=after)


def _guarded(transport: SlackTransport, args: Mapping[str, Any]) -> JsonObject:
    """The message as it stands; empty when somebody has deleted it."""
    try:
        return _get(transport, args)
    except Refused as refused:
        if refused.failed.code != NOT_FOUND:
            raise
        return {}


def _changed(message: Mapping[str, Any], expected: Mapping[str, Any]) -> bool:
    return any(message[name] != value for name, value in expected.items())


def _content_of(image: Mapping[str, Any]) -> JsonObject:
    """What people see of a message: text and blocks can be changed one without the other."""
    return {name: image[name] for name in ("text", "blocks") if name in image}


def _shown(message: Mapping[str, Any]) -> JsonObject:
    return {"text": _text(message), "blocks": message.get("blocks") or []}


def _get(transport: SlackTransport, args: Mapping[str, Any]) -> JsonObject:
    """Raises Refused: `slack_message_not_found` when nothing stands at `ts`."""
    channel, ts = args["channel"], args["ts"]
    message = _at(ts, _history(transport, channel=channel, latest=ts, inclusive=True, limit=1)["messages"])
    if message is None:
        message = _in_thread(transport, channel, ts)
    if message is None:
        raise Refused(Failed(permanent=True, code=NOT_FOUND, detail="no message at this ts"))
    edited = str((message.get("edited") or {}).get("ts", ""))
    return {"channel": channel, "ts": ts, **_shown(message), "marker": wire.marker_of(message), "edited": edited}


def _public(message: JsonObject) -> JsonObject:
    return {name: value for name, value in message.items() if name != "edited"}


def _at(ts: str, messages: list[JsonObject]) -> JsonObject | None:
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
    return _at(ts, page["messages"])


def _text(message: Mapping[str, Any]) -> str:
    return unescaped(str(message.get("text") or ""))


def _history(transport: SlackTransport, method: str = "conversations_history", **query: Any) -> JsonObject:
    with reading():
        answer = transport.call(method, include_all_metadata=True, **query)
    if isinstance(answer, Failed):
        raise Refused(answer)
    return {"messages": answer.get("messages") or [], "more": bool(answer.get("has_more"))}


def _find(transport: SlackTransport, ctx: CallContext, args: JsonObject) -> tuple[JsonObject | None, bool]:
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


def _landed(args: JsonObject, message: JsonObject, marker: str) -> Landed:
    """The image has the text that we sent: what stands there now may be somebody else's since."""
    place = {"channel": args["channel"], "ts": message["ts"]}
    return Landed({**place, "marker": marker}, {**place, "text": args["text"], "marker": marker})


def _verify(open_transport: Open, ctx: CallContext, after: JsonObject, *, label: Label | None) -> Verified:
    """`label` is what an undo achieves at best: a message can be offset, never unread."""
    try:
        message = _get(open_transport(ctx), after)
    except UNREADABLE as error:
        return Verified(False, Label.FAILED if label else None, str(error))
    if message["marker"] != after["marker"] or _changed(message, _content_of(after)):
        return Verified(False, Label.CONFLICT if label else None, "the message was changed since", message)
    return Verified(True, label, "", message)
