"""Telling one person something in Slack: a governed call of the platform, sent once, caught up with like a notice."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction

from connectors import gateway
from connectors.calls import CallSpec, CallStatus, Lane
from connectors.gateway import proposal, tools
from connectors.gateway.telling import PART, STEP
from connectors.models import ConnectorInstance, SlackIdentity, WebhookEndpoint
from connectors.slack import blocks
from controlplane.lib import clock
from controlplane.lib.errors import DomainError
from controlplane.lib.logs import get_logger
from tenants import scope
from tenants.actors import Actor

log = get_logger(__name__)

TOOL = "slack.message.direct"
SCHEMES = (WebhookEndpoint.Scheme.SLACK, WebhookEndpoint.Scheme.SLACK_SOCKET)


@dataclass(frozen=True, slots=True)
class Letter:
    """`url`: where the button leads. `key`: the same key is sent once."""

    title: str
    lines: Sequence[str]
    about: str
    url: str
    key: str


def doors() -> list[WebhookEndpoint]:
    """Where Slack can be spoken with: one enabled endpoint per team whose clicks we take."""
    rows = WebhookEndpoint.objects.select_related("instance").filter(scheme__in=SCHEMES, enabled=True)
    found: dict[str, WebhookEndpoint] = {}
    for row in rows.filter(instance__enabled=True).order_by("name"):
        found.setdefault(team_of(row.instance), row)
    found.pop("", None)
    return list(found.values())


def team_of(instance: ConnectorInstance) -> str:
    """The team whose users may be linked; none where the instance does not name its app."""
    config = instance.config
    return str(config.get("team_id", "")) if config.get("app_id") else ""


def tell(*, user_id: UUID, about_id: UUID, letter: Letter) -> int:
    """To each Slack user that the person has linked; how many were told. What is refused is logged and not raised."""
    with transaction.atomic():
        linked = dict(SlackIdentity.objects.filter(user_id=user_id).values_list("team_id", "slack_user_id"))
        open_doors = [door for door in doors() if team_of(door.instance) in linked]
    return sum(send(door, linked[team_of(door.instance)], about_id, letter) for door in open_doors)


def send(door: WebhookEndpoint, slack_user_id: str, about_id: UUID, letter: Letter) -> bool:
    """True when it was delivered; a passing refusal is made good by the sweeper."""
    try:
        status = _sent(door, slack_user_id, about_id, letter)
    except DomainError as refused:
        log.warning("a person could not be told: %s", refused.detail)
        return False
    return status.output is not None


def _sent(door: WebhookEndpoint, slack_user_id: str, about_id: UUID, letter: Letter) -> CallStatus:
    actor = Actor.system(scope.current(), PART)
    args = {
        "user": slack_user_id,
        "text": letter.title,
        "blocks": blocks.letter(letter.title, letter.lines, letter.about, letter.url),
    }
    with transaction.atomic(durable=True):
        call = proposal.write_down(
            spec=CallSpec(
                run_id=about_id,
                workspace_id=door.workspace_id,
                environment_id=door.environment_id,
                tool=TOOL,
                tool_version=tools.pinned_version(door.instance, TOOL),
                instance=door.instance.name,
                args=args,
                idempotency_key=letter.key,
                step_id=STEP,
                lane=Lane.SYSTEM,
            ),
            actor=actor,
        )
        due = call.retry_at is None or call.retry_at <= clock.now()
    return gateway.advance(call_id=call.pk, actor=actor) if due else gateway.status(call_id=call.pk)
