"""Linking one's own Slack user, from a signed-in session. An e-mail address proves nothing here.

The session names a Slack user; a code goes to that user and comes back by the same session. So both are in the same
hands, and nobody can make another person's session vouch for a Slack user of theirs by sending them a link.
"""

import re
import secrets
from datetime import timedelta
from hmac import compare_digest
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F

from connectors.errors import LinkingRefused
from connectors.events import SlackLinkingBegun, SlackUserLinked, SlackUserUnlinked
from connectors.models import SlackIdentity, WebhookEndpoint
from connectors.people_models import SlackLinking
from connectors.slack import private
from connectors.slack.private import Letter
from controlplane.lib import clock
from controlplane.lib.canonical import sha256_hex
from controlplane.lib.errors import Conflict, Forbidden, Invalid, NotFound
from evidence.services import record
from tenants import scope
from tenants.actors import Actor
from tenants.models import Tenant
from tenants.permissions import Perm, require

LIVES, MOST_TRIES, MOST_PER_HOUR = timedelta(minutes=10), 5, 5
_USER = re.compile(r"[UW][A-Z0-9]{2,20}")
_ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
_LENGTH = 8


def begin(*, team_id: str, slack_user_id: str, actor: Actor) -> SlackLinking:
    """Send a code to that Slack user. Raises Forbidden outside a session, Invalid, Conflict when it is linked already,
    LinkingRefused when Slack did not take the message, or after too many attempts.
    """
    require_session(actor)
    code = "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))
    begun, door, letter = _written(team_id, slack_user_id.strip().upper(), code, actor)
    if not private.send(door, begun.slack_user_id, begun.pk, letter):
        raise LinkingRefused("Slack did not take the message: is that a member of the workspace?")
    return begun


def confirm(*, attempt_id: UUID, code: str, actor: Actor) -> SlackIdentity:
    """The code that arrived. Each attempt takes five codes and ten minutes; raises LinkingRefused, NotFound."""
    require_session(actor)
    _count_try(attempt_id, actor)
    return _linked(attempt_id, code, actor)


@transaction.atomic(durable=True)
def unlink_own(*, identity_id: UUID, actor: Actor) -> None:
    """From then on a click of that Slack user decides nothing."""
    identity = SlackIdentity.objects.filter(pk=identity_id, user_id=actor.id).first()
    if identity is None:
        raise NotFound
    identity.delete()
    record(SlackUserUnlinked(identity.team_id, identity.slack_user_id), actor=actor)


def require_session(actor: Actor) -> None:
    if not actor.is_person or actor.method != "session":
        raise Forbidden("A Slack user is linked by a person who is signed in to the console.")


@transaction.atomic(durable=True)
def _written(team_id: str, slack_user_id: str, code: str, actor: Actor) -> tuple[SlackLinking, WebhookEndpoint, Letter]:
    require(actor, Perm.VIEW)
    door = door_of(team_id)
    _check_free(team_id, slack_user_id)
    _check_pace(actor)
    begun = SlackLinking(user_id=actor.id, team_id=team_id, slack_user_id=slack_user_id, expires_at=clock.now() + LIVES)
    begun.code_digest = _digest(begun.pk, code)
    begun.save(force_insert=True)
    record(SlackLinkingBegun(team_id, slack_user_id, actor.id), actor=actor)
    return begun, door, _letter(begun, code, actor)


def door_of(team_id: str) -> WebhookEndpoint:
    """Where people of that Slack workspace are spoken with; raises Invalid. Needs an open transaction."""
    door = next((door for door in private.doors() if private.team_of(door.instance) == team_id), None)
    if door is None:
        raise Invalid("there is no such Slack workspace here", field="team")
    return door


def _check_free(team_id: str, slack_user_id: str) -> None:
    if not _USER.fullmatch(slack_user_id):
        raise Invalid("a member id of Slack begins with U or W (in Slack: profile, Copy member ID)", field="member")
    if SlackIdentity.objects.filter(team_id=team_id, slack_user_id=slack_user_id).exists():
        raise Conflict("this Slack user is linked already; whoever it is linked to can unlink it")


def _check_pace(actor: Actor) -> None:
    hour = clock.now() - timedelta(hours=1)
    if SlackLinking.objects.filter(user_id=actor.id, created_at__gt=hour).count() >= MOST_PER_HOUR:
        raise LinkingRefused("Too many attempts; try again in an hour.")


@transaction.atomic(durable=True)
def _count_try(attempt_id: UUID, actor: Actor) -> None:
    """Counted before the code is looked at, so that guesses side by side count, too."""
    attempt(attempt_id, actor)
    open_now = SlackLinking.objects.filter(
        pk=attempt_id, user_id=actor.id, used_at=None, expires_at__gt=clock.now(), tries__lt=MOST_TRIES
    )
    if not open_now.update(tries=F("tries") + 1):
        raise LinkingRefused("This code is no longer good. Ask for a new one.")


@transaction.atomic(durable=True)
def _linked(attempt_id: UUID, code: str, actor: Actor) -> SlackIdentity:
    begun = SlackLinking.objects.select_for_update().get(pk=attempt_id, user_id=actor.id)
    if begun.used_at is not None or not compare_digest(begun.code_digest, _digest(begun.pk, code)):
        raise LinkingRefused("That is not the code that was sent.")
    who = {"team_id": begun.team_id, "slack_user_id": begun.slack_user_id}
    if SlackIdentity.objects.filter(**who).exists():
        raise Conflict("this Slack user was linked meanwhile")
    SlackLinking.objects.filter(pk=begun.pk).update(used_at=clock.now())
    identity = SlackIdentity.objects.create(**who, user_id=actor.id, linked_by=actor.id)
    record(SlackUserLinked(begun.team_id, begun.slack_user_id, actor.id), actor=actor)
    return identity


def _digest(attempt_id: UUID, code: str) -> str:
    return sha256_hex(f"{attempt_id}:{code.strip().upper()}".encode())


def _letter(begun: SlackLinking, code: str, actor: Actor) -> Letter:
    tenant = Tenant.objects.get(pk=scope.current())
    lines = (
        f"{actor.label} asks to link this Slack user to their account at {tenant.name}.",
        f"If that is you, enter this code in the console: {code}",
        "If it is not you, do nothing and give the code to nobody.",
    )
    url = f"{settings.INTERLOCK_BASE_URL}/o/{tenant.slug}/notifications/"
    about = f"The code is good for {LIVES // timedelta(minutes=1)} minutes."
    return Letter("Link this Slack user?", lines, about, url, f"slack-linking:{begun.pk}")


def attempt(attempt_id: UUID, actor: Actor) -> SlackLinking:
    """One's own; raises NotFound."""
    found = SlackLinking.objects.filter(pk=attempt_id, user_id=actor.id).first()
    if found is None:
        raise NotFound
    return found


def open_attempt(actor: Actor) -> SlackLinking | None:
    """The one whose code can still be entered."""
    rows = SlackLinking.objects.filter(user_id=actor.id, used_at=None, expires_at__gt=clock.now())
    return rows.filter(tries__lt=MOST_TRIES).order_by("-id").first()


def own(actor: Actor) -> list[SlackIdentity]:
    return list(SlackIdentity.objects.filter(user_id=actor.id).order_by("team_id", "slack_user_id"))


def teams() -> list[WebhookEndpoint]:
    """Slack workspaces that one can be linked in."""
    return private.doors()
