"""How a person wants to hear of what waits for them."""

from datetime import datetime
from zoneinfo import available_timezones

from django.db import transaction

from connectors.events import PreferenceSaved
from connectors.people_models import NotificationPreference
from connectors.turns import next_digest
from controlplane.lib import clock
from controlplane.lib.errors import Forbidden, Invalid
from evidence.services import record
from tenants.actors import Actor
from tenants.permissions import Perm, require

Direct = NotificationPreference.Direct
LAST_HOUR = 23


def own(actor: Actor) -> NotificationPreference:
    """One's own, or what holds without one. Needs VIEW somewhere: strangers have no wishes here."""
    require(actor, Perm.VIEW)
    return NotificationPreference.objects.filter(user_id=actor.id).first() or NotificationPreference(user_id=actor.id)


@transaction.atomic(durable=True)
def save(
    *, direct: str, digest_hour: int | None, weekdays_only: bool, timezone: str, actor: Actor
) -> NotificationPreference:
    """One's own only: nobody is made to listen, or kept from hearing, by somebody else. Raises Forbidden, Invalid."""
    require(actor, Perm.VIEW)
    if not actor.is_person:
        raise Forbidden("Only people are told.")
    _check(direct, digest_hour, timezone)
    chosen = {
        "direct": direct,
        "digest_hour": digest_hour,
        "weekdays_only": weekdays_only,
        "timezone": timezone,
        "digest_due_at": _due(digest_hour, timezone, weekdays_only=weekdays_only),
    }
    row, _ = NotificationPreference.objects.update_or_create(user_id=actor.id, defaults=chosen)
    record(PreferenceSaved(actor.id, direct, digest_hour, weekdays_only, timezone), actor=actor)
    return row


def _due(hour: int | None, timezone: str, *, weekdays_only: bool) -> datetime | None:
    if hour is None:
        return None
    return next_digest(hour=hour, timezone=timezone, weekdays_only=weekdays_only, after=clock.now())


def _check(direct: str, digest_hour: int | None, timezone: str) -> None:
    if direct not in Direct.values:
        raise Invalid(f"direct is one of {', '.join(Direct.values)}", field="direct")
    if digest_hour is not None and not 0 <= digest_hour <= LAST_HOUR:
        raise Invalid("an hour of the day is 0 to 23", field="digest_hour")
    if timezone not in available_timezones():
        raise Invalid("a time zone is named like Europe/Zurich", field="timezone")
