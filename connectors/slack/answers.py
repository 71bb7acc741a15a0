"""Verbs of `slack.message.ephemeral` and `slack.view.open`: what only the person who clicked sees, for a moment.

Slack keeps no trace of either, so nothing can be looked for or taken back.
"""

from dataclasses import dataclass

from connectors.outcomes import settled
from connectors.slack.text import escaped
from connectors.slack.transport import SdkTransport, SlackTransport
from connectors.types import (
    CallContext,
    CannotTell,
    Change,
    Done,
    Failed,
    JsonObject,
    Outcome,
    Preview,
    Probe,
    UndoRecipe,
    Verified,
)

NO_TRACE = "Slack keeps no trace of what it shows to one person"


@dataclass(frozen=True, slots=True)
class _Momentary:
    def observe_spec(self, args: JsonObject) -> None:
        return None

    def expect(self, args: JsonObject, before: JsonObject | None) -> JsonObject:
        return {}

    def probe(self, ctx: CallContext, args: JsonObject, expected: JsonObject) -> Probe:
        return CannotTell(NO_TRACE)

    def undo(self, args: JsonObject, before: JsonObject | None, after: JsonObject | None) -> UndoRecipe | None:
        return None

    def verify(self, ctx: CallContext, args: JsonObject, after: JsonObject) -> Verified:
        return Verified(False, None, NO_TRACE)


@dataclass(frozen=True, slots=True)
class PostEphemeral(_Momentary):
    """args `{channel, user, text}`."""

    def preview(self, args: JsonObject, before: JsonObject | None) -> Preview:
        line = Change("text", "Message", "", args["text"])
        return Preview("Answer one person in Slack", f"user {args['user']} in {args['channel']}", (line,), 0)

    def do(self, ctx: CallContext, args: JsonObject, expected: JsonObject) -> Outcome:
        return settled(ctx, SdkTransport, lambda transport: _tell(transport, args))


@dataclass(frozen=True, slots=True)
class OpenView(_Momentary):
    """args `{trigger_id, view}`; a trigger works for three seconds, once."""

    def preview(self, args: JsonObject, before: JsonObject | None) -> Preview:
        return Preview("Open a dialogue in Slack", "the person who clicked", (), 0)

    def do(self, ctx: CallContext, args: JsonObject, expected: JsonObject) -> Outcome:
        return settled(ctx, SdkTransport, lambda transport: _open(transport, args))


def _tell(transport: SlackTransport, args: JsonObject) -> Outcome:
    told = {"channel": args["channel"], "user": args["user"], "text": escaped(args["text"])}
    return _done(transport.call("chat_postEphemeral", **told))


def _open(transport: SlackTransport, args: JsonObject) -> Outcome:
    return _done(transport.call("views_open", trigger_id=args["trigger_id"], view=args["view"]))


def _done(answer: JsonObject | Failed) -> Outcome:
    return answer if isinstance(answer, Failed) else Done(output={"ok": True})
