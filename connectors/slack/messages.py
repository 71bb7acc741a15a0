"""Verbs of `slack.message.*`. Texts are untrusted: they are escaped, and shown as plain text."""

from dataclasses import dataclass
from typing import Any

from connectors.outcomes import settled
from connectors.slack import looking, wire
from connectors.slack.looking import Open, open_sdk
from connectors.slack.text import escaped, plain
from connectors.slack.transport import SlackTransport
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

CORRECTION = "Correction: the message that stood here no longer holds. The change it announced was rolled back."
CANNOT_UNSEE = ("what people have read or done because of the message", "notifications already shown")


@dataclass(frozen=True, slots=True)
class GetMessage:
    """`slack.message.get`, args `{channel, ts}`."""

    open: Open = open_sdk

    def do(self, ctx: CallContext, args: JsonObject, expected: JsonObject) -> Outcome:
        return settled(ctx, self.open, lambda transport: Done(output=looking.public(looking.get(transport, args))))


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
        return settled(ctx, self.open, lambda transport: post(transport, ctx, args))

    def probe(self, ctx: CallContext, args: JsonObject, expected: JsonObject) -> Probe:
        try:
            message, more = looking.find(self.open(ctx), ctx, args)
        except looking.UNREADABLE as error:
            return CannotTell(str(error))
        if message is not None:
            return landed(args, message, ctx.marker)
        if more:
            return CannotTell(f"not among {looking.LOOK_BACK * looking.MOST_PAGES} messages, and there are more")
        return NotLanded()

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
            expected={**looking.content_of(after), "edited": ""} if after else {},
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
        return looking.content_of(before) if before else {}

    def preview(self, args: JsonObject, before: JsonObject | None) -> Preview:
        line = Change("text", "Message", before["text"] if before else "", args["text"])
        return Preview("Replace a Slack message", f"message {args['ts']} in {args['channel']}", (line,), 0)

    def do(self, ctx: CallContext, args: JsonObject, expected: JsonObject) -> Outcome:
        return settled(ctx, self.open, lambda transport: _update(transport, ctx, args, expected))

    def probe(self, ctx: CallContext, args: JsonObject, expected: JsonObject) -> Probe:
        try:
            message = looking.get(self.open(ctx), args)
        except looking.UNREADABLE as error:
            return CannotTell(str(error))
        if message["marker"] == ctx.marker:
            return landed(args, message, ctx.marker)
        if looking.changed(message, expected):
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
            expected=looking.content_of(after) if after else {},
            summary=f"Put the earlier text of the message in {args['channel']} back",
            cannot=CANNOT_UNSEE,
        )

    def verify(self, ctx: CallContext, args: JsonObject, after: JsonObject) -> Verified:
        return _verify(self.open, ctx, after, label=Label.OFFSET)


def post(transport: SlackTransport, ctx: CallContext, args: JsonObject) -> Outcome:
    if ctx.again:
        # the earlier attempt was given up as absent; should it have landed since, it is not posted twice
        message, _ = looking.find(transport, ctx, args)
        if message is not None:
            found = landed(args, message, ctx.marker)
            return Done(output=found.output, after=found.after)
    thread = {"thread_ts": args["thread_ts"]} if args.get("thread_ts") else {}
    content = {**_content(args), **thread}
    answer = transport.call("chat_postMessage", channel=args["channel"], metadata=wire.metadata(ctx.marker), **content)
    return _done(args["channel"], answer, ctx.marker, None)


def _update(transport: SlackTransport, ctx: CallContext, args: JsonObject, expected: JsonObject) -> Outcome:
    before = looking.guarded(transport, args) if expected else None
    if before == {}:
        return Failed(permanent=True, code="conflict", detail="the message was deleted since")
    if before and before["marker"] != ctx.marker and looking.changed(before, expected):
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
    after = {**place, **looking.shown(answer.get("message") or {}), "marker": marker}
    return Done(output={**place, "marker": marker}, before=before, after=after)


def landed(args: JsonObject, message: JsonObject, marker: str) -> Landed:
    """The image has the text that we sent: what stands there now may be somebody else's since."""
    place = {"channel": args["channel"], "ts": message["ts"]}
    return Landed({**place, "marker": marker}, {**place, "text": args["text"], "marker": marker})


def _verify(open_transport: Open, ctx: CallContext, after: JsonObject, *, label: Label | None) -> Verified:
    """`label` is what an undo achieves at best: a message can be offset, never unread."""
    try:
        message = looking.get(open_transport(ctx), after)
    except looking.UNREADABLE as error:
        return Verified(False, Label.FAILED if label else None, str(error))
    if message["marker"] != after["marker"] or looking.changed(message, looking.content_of(after)):
        return Verified(False, Label.CONFLICT if label else None, "the message was changed since", message)
    return Verified(True, label, "", message)
