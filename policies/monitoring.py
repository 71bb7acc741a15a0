"""What an activation did: decisions under it, and as long a time before it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Count, Q, QuerySet

from controlplane.lib import clock, ids
from controlplane.lib.errors import NotFound
from policies.models import Activation, DecisionRecord
from tenants import access as places
from tenants.actors import Actor

LONGEST = timedelta(days=7)
_SLACK = timedelta(minutes=5)
_FAILED = Q(code__startswith="pdp_") | Q(
    code__in=["bundle_missing", "bundle_stale", "bundle_invalid", "bundle_expired", "bad_decision", "bad_finding"]
)


@dataclass(frozen=True, slots=True)
class Span:
    """Decisions of an environment in a time: how many, by effect, and those that only a failure denied, by code."""

    since: datetime
    until: datetime
    decisions: int
    effects: Mapping[str, int]
    errors: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Watch:
    """An activation, what was decided since (until the next one, at most a week), and as long before it."""

    activation: Activation
    after: Span
    before: Span


def watch(actor: Actor, activation_id: UUID) -> Watch:
    """For those who may view the environment."""
    row = Activation.objects.select_related("bundle", "environment").defer("bundle__content")
    found = row.filter(pk=activation_id, environment__workspace_id__in=places.workspace_ids(actor)).first()
    if found is None:
        raise NotFound
    since, until = found.activated_at, _until(found)
    return Watch(found, _span(found, since, until), _span(found, since - (until - since), since))


def _until(activation: Activation) -> datetime:
    following = Activation.objects.filter(environment_id=activation.environment_id, seq=activation.seq + 1).first()
    end = following.activated_at if following else clock.now() + timedelta(seconds=1)  # the last one counts too
    return min(end, activation.activated_at + LONGEST)


def _span(activation: Activation, since: datetime, until: datetime) -> Span:
    rows = DecisionRecord.objects.filter(
        environment_id=activation.environment_id,
        pk__gte=ids.from_time(since - _SLACK),
        pk__lt=ids.from_time(until + _SLACK),
        decided_at__gte=since,
        decided_at__lt=until,
    )
    effects = _counted(rows, "effect")
    return Span(since, until, sum(effects.values()), effects, _counted(rows.filter(_FAILED), "code"))


def _counted(rows: QuerySet[DecisionRecord], name: str) -> dict[str, int]:
    found = rows.order_by(name).values_list(name).annotate(Count("pk"))
    return dict(found)
