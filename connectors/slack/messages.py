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

LOOK_BACK = 200
CORRECTION = "Correction: the message that stood here no longer holds. The change it announced was rolled back."
CANNOT_UNSEE = ("what people have read or done because of the message", "notifications already shown")
UNREADABLE = (ConfigInvalid, Refused, TransportError, SendAborted)


@dataclass(frozen=True, slots=True)
class GetMessage:
    """`slack.message.get`, args `{channel, ts}`."""

    open: Open = open_sdk

    def do(self, ctx: CallContext, args: JsonObject, expected: JsonObject) -> Outcome:
        return settled(ctx, self.open, lambda transport: Done(output=_get(transport, args)))


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
        return _probe(self.open, ctx, args["channel"])

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
            expected={},
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
        return {"text": before["text"]} if before else {}

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
            return _landed(args["channel"], message, ctx.marker)
        return NotLanded()

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
            expected={},
            summary=f"Put the earlier text of the message in {args['channel']} back",
            cannot=CANNOT_UNSEE,
        )

    def verify(self, ctx: CallContext, args: JsonObject, after: JsonObject) -> Verified:
        return _verify(self.open, ctx, after, label=Label.OFFSET)


def _post(transport: SlackTransport, ctx: CallContext, args: JsonObject) -> Outcome:
    thread = {"thread_ts": args["thread_ts"]} if args.get("thread_ts") else {}
    content = {**_content(args), **thread}
    answer = transport.call("chat_postMessage", channel=args["channel"], metadata=wire.metadata(ctx.marker), **content)
    return _done(args["channel"], answer, ctx.marker, None)


def _update(transport: SlackTransport, ctx: CallContext, args: JsonObject, expected: JsonObject) -> Outcome:
    before = _get(transport, args) if expected else None
    if before and before["marker"] != ctx.marker and before["text"] != expected["text"]:
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
    text = _text(answer.get("message") or {})
    return Done(
        output={**place, "marker": marker},
        before=before,
        after={**place, "text": text, "marker": marker},
    )


def _get(transport: SlackTransport, args: Mapping[str, Any]) -> JsonObject:
    """Raises Refused: `slack_message_not_found` when nothing stands at `ts`."""
    messages = _history(
        transport,
        channel=args["channel"],
        latest=args["ts"],
        inclusive=True,
        limit=1,
    )["messages"]
    if not messages or messages[0].get("ts") != args["ts"]:
        raise Refused(Failed(permanent=True, code="slack_message_not_found", detail="no message at this ts"))
    return {
        "channel": args["channel"],
        "ts": args["ts"],
        "text": _text(messages[0]),
        "blocks": messages[0].get("blocks") or [],
        "marker": wire.marker_of(messages[0]),
    }


def _text(message: Mapping[str, Any]) -> str:
    return unescaped(str(message.get("text") or ""))


def _history(transport: SlackTransport, **query: Any) -> JsonObject:
    with reading():
        answer = transport.call("conversations_history", include_all_metadata=True, **query)
    if isinstance(answer, Failed):
        raise Refused(answer)
    return {"messages": answer.get("messages") or [], "more": bool(answer.get("has_more"))}


def _probe(open_transport: Open, ctx: CallContext, channel: str) -> Probe:
    """Slack has no idempotency key: look for the marker among the latest messages of the channel."""
    try:
        history = _history(open_transport(ctx), channel=channel, limit=LOOK_BACK)
    except UNREADABLE as error:
        return CannotTell(str(error))
    for message in history["messages"]:
        if wire.marker_of(message) == ctx.marker:
            return _landed(channel, message, ctx.marker)
    if history["more"]:
        return CannotTell(f"not among the last {LOOK_BACK} messages, and there are more")
    return NotLanded()


def _landed(channel: str, message: JsonObject, marker: str) -> Landed:
    place = {"channel": channel, "ts": message["ts"]}
    text = _text(message)
    return Landed({**place, "marker": marker}, {**place, "text": text, "marker": marker})


def _verify(open_transport: Open, ctx: CallContext, after: JsonObject, *, label: Label | None) -> Verified:
    """`label` is what an undo achieves at best: a message can be offset, never unread."""
    try:
        message = _get(open_transport(ctx), after)
    except UNREADABLE as error:
        return Verified(False, Label.FAILED if label else None, str(error))
    if message["marker"] != after["marker"] or message["text"] != after["text"]:
        return Verified(False, Label.CONFLICT if label else None, "the message was changed since", message)
    return Verified(True, label, "", message)
