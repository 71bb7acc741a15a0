"""Verb of `slack.message.direct`: a message to one person. The channel between the app and them is asked for first.

It is told to one person and not taken back: an undo would be a second message.
"""

from dataclasses import dataclass

from connectors.errors import Refused
from connectors.outcomes import reading, settled
from connectors.slack import looking, messages
from connectors.slack.looking import Open, open_sdk
from connectors.slack.transport import SlackTransport
from connectors.types import (
    CallContext,
    CannotTell,
    Change,
    Failed,
    JsonObject,
    NotLanded,
    Outcome,
    Preview,
    Probe,
    UndoRecipe,
    Verified,
)

NOT_TAKEN_BACK = "what was told to a person is not taken back"


@dataclass(frozen=True, slots=True)
class DirectMessage:
    """args `{user, text, blocks?}`."""

    open: Open = open_sdk

    def observe_spec(self, args: JsonObject) -> None:
        return None

    def expect(self, args: JsonObject, before: JsonObject | None) -> JsonObject:
        return {}

    def preview(self, args: JsonObject, before: JsonObject | None) -> Preview:
        line = Change("text", "Message", "", args["text"])
        return Preview("Tell one person in Slack", f"user {args['user']}", (line,), 0)

    def do(self, ctx: CallContext, args: JsonObject, expected: JsonObject) -> Outcome:
        return settled(ctx, self.open, lambda transport: messages.post(transport, ctx, _placed(transport, args)))

    def probe(self, ctx: CallContext, args: JsonObject, expected: JsonObject) -> Probe:
        try:
            transport = self.open(ctx)
            placed = _placed(transport, args)
            message, more = looking.find(transport, ctx, placed)
        except looking.UNREADABLE as error:
            return CannotTell(str(error))
        if message is not None:
            return messages.landed(placed, message, ctx.marker)
        return CannotTell("not among the messages that were looked at") if more else NotLanded()

    def undo(self, args: JsonObject, before: JsonObject | None, after: JsonObject | None) -> UndoRecipe | None:
        return None

    def verify(self, ctx: CallContext, args: JsonObject, after: JsonObject) -> Verified:
        return Verified(False, None, NOT_TAKEN_BACK)


def _placed(transport: SlackTransport, args: JsonObject) -> JsonObject:
    """The same with the channel; opening one that is open changes nothing."""
    with reading():
        answer = transport.call("conversations_open", users=args["user"])
    if isinstance(answer, Failed):
        raise Refused(answer)
    return {**args, "channel": str((answer.get("channel") or {}).get("id", ""))}
