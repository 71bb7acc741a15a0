"""An e-mail address proposes a Slack user, and does no more: the code that goes there and comes back links it.

Asked by a signed-in person about their own address, by a governed call of the lane "system".
"""

from dataclasses import dataclass

from django.db import transaction

from connectors import gateway
from connectors.calls import CallSpec, Lane
from connectors.errors import LinkingRefused
from connectors.gateway import tools
from connectors.models import WebhookEndpoint
from connectors.slack import linking
from connectors.types import JsonObject
from controlplane.lib import ids
from controlplane.lib.errors import DomainError, Invalid
from controlplane.lib.logs import get_logger
from tenants import scope
from tenants.actors import Actor
from tenants.models import User
from tenants.permissions import Perm, require

log = get_logger(__name__)

TOOL, PART = "slack.user.find", "slack-linking"


@dataclass(frozen=True, slots=True)
class Proposal:
    """Who has that address in Slack. Whether it is the same person is not known yet."""

    team_id: str
    slack_user_id: str
    name: str
    email: str


def by_email(*, team_id: str, actor: Actor) -> Proposal:
    """The Slack user of the actor's own address; nothing is linked by it.

    Raises Forbidden outside a session, Invalid, LinkingRefused when Slack names nobody.
    """
    linking.require_session(actor)
    with transaction.atomic():
        require(actor, Perm.VIEW)
        door, email = linking.door_of(team_id), User.objects.get(pk=actor.id).email
    if not email:
        raise Invalid("your account has no e-mail address: enter the member id", field="email")
    found = _asked(door, email)
    return Proposal(team_id, str(found["id"]), str(found["name"]), email)


def _asked(door: WebhookEndpoint, email: str) -> JsonObject:
    actor = Actor.system(scope.current(), PART)
    try:
        call = gateway.propose(spec=_spec(door, email), actor=actor)
        done = gateway.advance(call_id=call.call_id, actor=actor)
    except DomainError as refused:
        log.warning("Slack could not be asked for a person: %s", refused.detail)
        raise LinkingRefused("Slack could not be asked. Enter the member id.") from refused
    if done.output is None:
        log.info("Slack names nobody: %s", done.code)
        raise LinkingRefused(f"Slack names nobody with your e-mail address ({done.code}). Enter the member id.")
    return done.output


def _spec(door: WebhookEndpoint, email: str) -> CallSpec:
    asked = ids.uuid7()
    return CallSpec(
        run_id=asked,
        workspace_id=door.workspace_id,
        environment_id=door.environment_id,
        tool=TOOL,
        tool_version=tools.pinned_version(door.instance, TOOL),
        instance=door.instance.name,
        args={"email": email},
        idempotency_key=f"slack-propose:{asked}",
        lane=Lane.SYSTEM,
    )
