"""What our cards do when they are clicked. Every path ends in `approvals.services.cast_vote`."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeAlias

from django.db import transaction
from slack_bolt import App
from slack_bolt.authorization import AuthorizeResult

from approvals import services as approvals
from approvals.types import Channel, Verdict
from connectors import access, cards, gateway
from connectors.calls import CallSpec, CallState, Lane
from connectors.gateway import tools
from connectors.slack import blocks, clicks, once
from connectors.slack.clicks import Clicker, Place
from connectors.slack.once import Interaction
from connectors.types import JsonObject
from controlplane.lib.errors import DomainError
from controlplane.lib.logs import get_logger
from tenants import scope
from tenants.actors import Actor

log = get_logger(__name__)

Ack: TypeAlias = Callable[..., Any]
NOT_LINKED = "Your Slack user is not linked to an Interlock user, so nothing was decided. Link it in the console."
NOT_HERE = "This card does not belong here. If it was posted this very moment, press again."
NO_DIALOGUE = "The dialogue could not be opened. Please reject it in the console."


class NotTaken(RuntimeError):
    """The click did nothing; the message is for the person who clicked."""


def app_for(interaction: Interaction) -> App:
    """A Bolt app for this one request: it keeps no token, calls nobody and runs listeners in this thread."""
    app = App(
        signing_secret=interaction.signing_secret,
        authorize=lambda enterprise_id, team_id, user_id: AuthorizeResult(
            enterprise_id=enterprise_id, team_id=team_id, user_id=user_id
        ),
        process_before_response=True,
        token_verification_enabled=False,
        logger=log,
    )
    app.action(blocks.APPROVE)(lambda ack, body: _approve(interaction, ack, body))
    app.action(blocks.REJECT)(lambda ack, body: _ask_reason(interaction, ack, body))
    app.action(blocks.OPEN)(lambda ack: ack())
    app.view(blocks.REJECT_CALLBACK)(lambda ack, body, view: _reject(interaction, ack, body, view))
    return app


def _approve(interaction: Interaction, ack: Ack, body: JsonObject) -> None:
    """Refusals are told to the person who clicked, and to nobody else."""
    refusal = _refused(
        interaction, lambda: _cast(interaction, body, _value(body), clicks.place(body), Verdict.APPROVE, "")
    )
    if refusal:
        _tell(interaction, body, refusal)
        _close(interaction)
    ack()


def _ask_reason(interaction: Interaction, ack: Ack, body: JsonObject) -> None:
    """A trigger lives for three seconds, so the dialogue is opened before anything else. Nobody is let in by it."""
    refusal = _refused(interaction, lambda: _open_dialogue(interaction, body))
    if refusal:
        _tell(interaction, body, refusal)
    ack()


def _open_dialogue(interaction: Interaction, body: JsonObject) -> None:
    """Marked before: the trigger would be dead by the time that the same press came again."""
    _clicker(interaction, body)
    once.note(interaction)
    view = blocks.reject_modal(clicks.carried(_value(body), clicks.place(body)))
    opened = _call(interaction, "slack.view.open", {"trigger_id": str(body.get("trigger_id", "")), "view": view})
    if not opened:
        raise NotTaken(NO_DIALOGUE)


def _reject(interaction: Interaction, ack: Ack, body: JsonObject, view: JsonObject) -> None:
    refusal = _refused(interaction, lambda: _cast_from_dialogue(interaction, body, view))
    if refusal:
        _close(interaction)
        ack(response_action="errors", errors={blocks.REASON_BLOCK: refusal})
    else:
        ack()


def _cast_from_dialogue(interaction: Interaction, body: JsonObject, view: JsonObject) -> None:
    value, place = clicks.brought(str(view.get("private_metadata", "")))
    _cast(interaction, body, value, place, Verdict.REJECT, clicks.reason(view))


def _refused(interaction: Interaction, act: Callable[[], None]) -> str:
    """Why the click did nothing; empty when it did what it says, now or in another delivery."""
    try:
        act()
    except once.HandledBefore:
        return ""
    except clicks.NotOurs as foreign:
        log.warning("slack interaction refused: %s", foreign)
        return NOT_HERE
    except NotTaken as told:
        return str(told)
    except DomainError as refused:
        return "" if once.is_handled(interaction) else refused.detail
    return ""


def _close(interaction: Interaction) -> None:
    """A click that was refused stays refused when it comes again."""
    with suppress(once.HandledBefore):
        once.note(interaction)


def _cast(interaction: Interaction, body: JsonObject, value: str, place: Place, verdict: Verdict, reason: str) -> None:
    """Raises what `_refused` puts into words."""
    choice, actor = clicks.choice(value), _actor(_clicker(interaction, body), interaction.endpoint.scheme)
    if actor is None:
        raise NotTaken(NOT_LINKED)
    if not cards.stands_at(choice.request_id, interaction.endpoint.instance, place):
        raise clicks.NotOurs("no card of ours stands there")
    approvals.cast_vote(
        request_id=choice.request_id,
        actor=actor,
        verdict=verdict,
        reason=reason,
        channel=Channel.SLACK,
        seen_digest=choice.seen_digest,
        with_it=lambda: once.mark(interaction),
    )


def _clicker(interaction: Interaction, body: JsonObject) -> Clicker:
    return clicks.clicker(body, app_id=interaction.app_id, team_id=interaction.team_id)


def _value(body: JsonObject) -> str:
    return str(body["actions"][0].get("value", ""))


@transaction.atomic
def _actor(who: Clicker, way: str) -> Actor | None:
    """The linked person, with the permissions that this person holds; None when nobody is linked."""
    identity = access.slack_identity(who.team_id, who.user_id)
    if identity is None or not identity.user.is_active:
        return None
    user = identity.user
    return Actor(user.kind, user.pk, scope.current(), user.label, way)


def _tell(interaction: Interaction, body: JsonObject, text: str) -> None:
    """Only people of our own team are answered."""
    try:
        who = _clicker(interaction, body)
    except clicks.NotOurs:
        return
    if who.channel and who.user_id:
        _call(interaction, "slack.message.ephemeral", {"channel": who.channel, "user": who.user_id, "text": text})


def _call(interaction: Interaction, tool: str, args: JsonObject) -> bool:
    """A governed call of the lane "system"; True when it was done."""
    endpoint = interaction.endpoint
    actor = Actor.system(scope.current(), "slack-answers")
    spec = CallSpec(
        run_id=interaction.delivery_id,
        workspace_id=endpoint.workspace_id,
        environment_id=endpoint.environment_id,
        tool=tool,
        tool_version=tools.pinned_version(endpoint.instance, tool),
        instance=endpoint.instance.name,
        args=args,
        idempotency_key=f"slack:{interaction.delivery_id}:{tool}",
        lane=Lane.SYSTEM,
    )
    try:
        proposed = gateway.propose(spec=spec, actor=actor)
        done = gateway.advance(call_id=proposed.call_id, actor=actor)
    except DomainError as refused:
        log.warning("%s could not be answered: %s", tool, refused)
        return False
    return done.state is CallState.SUCCEEDED
