"""Approval cards: shown and kept current by governed calls of the lane "system", granted by the system pack."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef

from approvals import alike, links
from approvals.models import ApprovalRequest, TakenBack, Vote
from approvals.settling import standing, yes
from approvals.types import State
from connectors import gateway, rotas, wakeups
from connectors.calls import FINAL, CallSpec, CallState, CallStatus, Lane
from connectors.gateway import proposal, tools
from connectors.models import ApprovalCard, ConnectorInstance, ToolCall
from connectors.slack import blocks
from connectors.slack.clicks import Place
from controlplane.lib import clock
from controlplane.lib.errors import DomainError
from controlplane.lib.logs import get_logger
from tenants import payloads, scope
from tenants.actors import Actor

log = get_logger(__name__)

PART = "approval-cards"


def show(*, request_id: UUID) -> list[CallStatus]:
    """Make every card of the request say what is true now. May run any number of times."""
    actor = Actor.system(scope.current(), PART)
    with transaction.atomic():
        instances = wakeups.card_instances()
    return [_show_in(instance, request_id, actor) for instance in instances]


def catch_up(limit: int = 50) -> int:
    """Show what a lost wake-up or a passing refusal left behind; returns how many requests were looked at."""
    with transaction.atomic():
        late = behind(limit) if wakeups.card_instances() else []
    for request_id in late:
        _try_to_show(request_id)
    return len(late)


def _try_to_show(request_id: UUID) -> None:
    """One card that cannot be shown (its content is gone) does not keep the others waiting."""
    try:
        show(request_id=request_id)
    except DomainError as refused:
        log.warning("the cards of %s cannot be shown: %s", request_id, refused.detail)


def behind(limit: int) -> list[UUID]:
    """Requests opened or decided in the last day whose cards say something else, or were never posted and could be;
    up to `limit` of each. Needs an open transaction."""
    current = ApprovalCard.objects.filter(request_id=OuterRef("pk"), shown_state__startswith=OuterRef("state"))
    given_up = ApprovalCard.objects.filter(
        request_id=OuterRef("pk"), post_call__state__in=FINAL - {CallState.SUCCEEDED}
    )
    stale = ApprovalRequest.objects.exclude(Exists(current.exclude(message_ts=""))).exclude(Exists(given_up))
    day = clock.now() - timedelta(days=1)
    opened = stale.filter(opened_at__gt=day).order_by("opened_at")
    decided = stale.filter(decided_at__gt=day).exclude(state=State.PENDING).order_by("decided_at")
    found = [row for rows in (opened, decided) for row in rows.values_list("pk", flat=True)[:limit]]
    return list(dict.fromkeys(found))


@transaction.atomic
def stands_at(request_id: UUID, instance: ConnectorInstance, place: Place) -> bool:
    """Whether the request's card of this instance is the message that a button was pressed in.

    People are faster than we are: until the message's ts is written down, the marker of its post says the same.
    """
    card = ApprovalCard.objects.select_related("post_call").filter(request_id=request_id, instance=instance).first()
    if card is None or card.channel != place.channel:
        return False
    return place.ts == card.message_ts if card.message_ts else place.marker == card.post_call.marker


def face(request: ApprovalRequest) -> str:
    """What a card says, in a word: the state, and while it waits how often votes came or were taken back."""
    if request.state != State.PENDING:
        return request.state
    taken_back = TakenBack.objects.filter(vote__request_id=request.pk).count()
    changes = Vote.objects.filter(request_id=request.pk).count() + taken_back
    return f"{request.state}+{changes}" if changes else request.state


def button_value(request: ApprovalRequest) -> str:
    """What a button carries: the request and what was shown. Decided on our side, never by these bytes alone."""
    return f"{request.pk}.{request.display_digest}"


def _show_in(instance: ConnectorInstance, request_id: UUID, actor: Actor) -> CallStatus:
    card = _card(instance, request_id, actor)
    posted = _advanced(card.post_call_id, actor)
    if posted.state is not CallState.SUCCEEDED or posted.output is None:
        return posted
    update = _update(card, posted.output, actor)
    if update is None:
        return posted
    done = _advanced(update.pk, actor)
    if done.state is CallState.SUCCEEDED:
        _note(card, update.step_id)
    return done


def _advanced(call_id: UUID, actor: Actor) -> CallStatus:
    """As far as it goes now. Slack may have asked to wait: until then nothing is sent again."""
    seen = gateway.status(call_id=call_id)
    if seen.state not in FINAL and seen.retry_at is not None and seen.retry_at > clock.now():
        return seen
    return gateway.advance(call_id=call_id, actor=actor)


@transaction.atomic(durable=True)
def _card(instance: ConnectorInstance, request_id: UUID, actor: Actor) -> ApprovalCard:
    """The card and the call that posts it, made once per request and instance."""
    known = ApprovalCard.objects.filter(request_id=request_id, instance=instance).first()
    if known is not None:
        return known
    request = ApprovalRequest.objects.get(pk=request_id)
    channel = str(instance.config["approvals_channel"])
    args = {"channel": channel, **_content(request)}
    call = proposal.write_down(spec=_spec(request, instance, "slack.message.post", args), actor=actor)
    draft = ApprovalCard(
        request_id=request_id, instance=instance, channel=channel, post_call=call, shown_state=call.step_id
    )
    ApprovalCard.objects.bulk_create([draft], ignore_conflicts=True)
    return ApprovalCard.objects.get(request_id=request_id, instance=instance)


@transaction.atomic(durable=True)
def _update(card: ApprovalCard, message: dict[str, Any], actor: Actor) -> ToolCall | None:
    """The call that replaces the message; None while it says what the request says."""
    if not card.message_ts:
        ApprovalCard.objects.filter(pk=card.pk).update(message_ts=message["ts"])
    request = ApprovalRequest.objects.get(pk=card.request_id)
    card.refresh_from_db()
    if face(request) == card.shown_state:
        return None
    written = ToolCall.objects.filter(idempotency_key=_key(request, card.instance)).first()
    if written is not None:
        return written
    args = {"channel": card.channel, "ts": message["ts"], **_content(request)}
    return proposal.write_down(spec=_spec(request, card.instance, "slack.message.update", args), actor=actor)


@transaction.atomic(durable=True)
def _note(card: ApprovalCard, shown: str) -> None:
    ApprovalCard.objects.filter(pk=card.pk).update(shown_state=shown)


def _spec(request: ApprovalRequest, instance: ConnectorInstance, tool: str, args: dict[str, Any]) -> CallSpec:
    """`step_id` names what the card says, so that each is sent once."""
    asking, shown = ToolCall.objects.get(pk=request.call_id), face(request)
    return CallSpec(
        run_id=request.run_id,
        workspace_id=request.workspace_id,
        environment_id=asking.environment_id,
        tool=tool,
        tool_version=tools.pinned_version(instance, tool),
        instance=instance.name,
        args=args,
        idempotency_key=_key(request, instance),
        step_id=shown,
        lane=Lane.SYSTEM,
    )


def _key(request: ApprovalRequest, instance: ConnectorInstance) -> str:
    return f"card:{request.pk}:{instance.name}:{face(request)}"


def _content(request: ApprovalRequest) -> dict[str, Any]:
    display = payloads.get_json(request.display_digest)
    now = blocks.Standing(
        state=request.state,
        value=button_value(request),
        console_url=links.console(request.pk),
        in_console=request.step_up or request.reason_required,
        decided_by=_who(request),
        terms=_terms(request),
        alike=[_decided(one) for one in alike.decided_before(request)] if request.state == State.PENDING else [],
    )
    shown = blocks.card(display, now)
    return {"text": f"{blocks.HEADLINES[request.state]}: {display['title']}", "blocks": shown}


def _who(request: ApprovalRequest) -> str:
    """Whose votes stand."""
    voters = ", ".join(standing(request.pk).order_by("cast_at").values_list("voter_label", flat=True))
    if not voters:
        return f"{request.void_reason}" if request.void_reason else ""
    return f"{yes(request.pk).count()} of {request.quorum}: {voters}" if request.quorum > 1 else f"decided by {voters}"


def _decided(earlier: ApprovalRequest) -> str:
    """A yes that was used since is still a yes: a card is not written again for that."""
    state = State.APPROVED if earlier.state == State.CONSUMED else State(earlier.state)
    return f"{state.lower()} {earlier.decided_at:%Y-%m-%d}: {earlier.title}"


def _terms(request: ApprovalRequest) -> str:
    """Who must say yes, until when."""
    people = "1 person" if request.quorum == 1 else f"{request.quorum} people"
    roles = f" ({', '.join(request.roles)})" if request.roles else ""
    turns = ", ".join(one.label for one in rotas.of_workspace(request.workspace_id))
    asked = f" · asked now: {turns}" if turns else ""
    until = f"until {request.expires_at:%H:%M} UTC"
    return f"{people}{roles} must say yes, one no decides · {request.tier} · {until}{asked}"
