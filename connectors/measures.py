"""What halt triggers see of calls: how many fail, and whether a call that must be denied is."""

from datetime import datetime

from django.db import transaction
from django.db.models import Count, Q

from connectors import gateway, self_calls
from connectors.calls import CallState, CallStatus, Lane
from connectors.models import CallAttempt
from controlplane.lib import clock, ids
from policies.models import Standing
from tenants import scope
from tenants.actors import Actor
from tenants.models import Environment
from tenants.readings import Reading, Watch

CANARY_TOOL = "interlock.canary.ping"
CANARY_WORKFLOW = "interlock-canary"
HELD_BACK = frozenset({CallState.DENIED, CallState.THROTTLED, CallState.PROPOSED})
"""Where a call that nobody grants may end. HALTED is not among them: then the policy had let it pass."""

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
    """Once a minute and per environment with a policy: a call that nobody grants goes through the gateway."""
    with transaction.atomic():
        self_calls.install()
        watched = _environments(watch.value)
    return [_reading(environment, _tried(environment)) for environment in watched]


def _environments(named: str) -> list[Environment]:
    ruled = Standing.objects.values_list("environment_id", flat=True)
    rows = Environment.objects.filter(pk__in=list(ruled))
    return list(rows.filter(slug=named) if named else rows)


def _tried(environment: Environment) -> CallStatus:
    actor = Actor.system(scope.current(), "canary")
    minute = clock.now().strftime("%Y%m%d%H%M")
    call = self_calls.propose(
        tool=CANARY_TOOL,
        workflow=CANARY_WORKFLOW,
        environment=environment,
        run_id=environment.pk,
        key=f"canary:{environment.pk}:{minute}",
        lane=Lane.FORWARD,
        actor=actor,
    )
    return gateway.advance(call_id=call.call_id, actor=actor)


def _reading(environment: Environment, call: CallStatus) -> Reading:
    passed = call.state not in HELD_BACK
    words = f"a call that nobody grants is {call.state} in {environment.slug}" if passed else "held back"
    return Reading("environment", str(environment.pk), int(passed), words)
