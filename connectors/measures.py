"""What halt triggers see of calls: how many fail, and whether a call that must be denied is."""

from datetime import datetime

from django.db import transaction
from django.db.models import Count, Q

from connectors import enforcement
from connectors.calls import Lane
from connectors.lights import Outcome
from connectors.models import CallAttempt, Enforcement
from controlplane.lib import ids
from policies.models import Standing
from tenants.models import Environment
from tenants.readings import Reading, Watch

_NAMED_BY = {"connector": "call__instance__name", "workflow": "call__workflow"}


@transaction.atomic
def error_rate(watch: Watch, *, since: datetime) -> list[Reading]:
    """Percent of the sendings of each connector or workflow that failed or whose outcome was lost."""
    name = _NAMED_BY[watch.kind]
    sent = CallAttempt.objects.filter(pk__gte=ids.from_time(since), settled_at__isnull=False, call__lane=Lane.FORWARD)
    if watch.value:
        sent = sent.filter(**{name: watch.value})
    failed = Count("pk", filter=Q(outcome__in=("failed", "unknown")))
    rows = sent.values_list(name).annotate(many=Count("pk"), bad=failed).filter(many__gte=watch.minimum)
    return [
        Reading(watch.kind, value, 100 * bad // many, f"{bad} of {many} calls of {watch.kind} {value} failed")
        for value, many, bad in rows
        if value
    ]


def canary(watch: Watch, *, since: datetime) -> list[Reading]:  # noqa: ARG001 - as the port says
    """What the canaries of the environments with a policy proved; one whose minute has come is put through first."""
    with transaction.atomic():
        watched = _environments(watch.value)
    for environment in watched:
        enforcement.attempt(environment.pk)
    with transaction.atomic():
        return [_reading(environment) for environment in watched]


def _environments(named: str) -> list[Environment]:
    ruled = Standing.objects.values_list("environment_id", flat=True)
    rows = Environment.objects.filter(pk__in=list(ruled))
    return list(rows.filter(slug=named) if named else rows)


def _reading(environment: Environment) -> Reading:
    row = Enforcement.objects.filter(environment=environment).first()
    passed = row is not None and row.outcome == Outcome.PASSED
    words = f"a call that nobody grants was not denied in {environment.slug}: {row.code}" if row and passed else "held"
    return Reading("environment", str(environment.pk), int(passed), words)
