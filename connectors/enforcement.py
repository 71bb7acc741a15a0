"""The canary of enforcement: each minute and per environment a call that nobody grants goes through the whole gateway.

It is the system's own call to itself: it has no ticket, holds no budget, and is never dispatched unless enforcement
is broken. What it proved is kept, told when it changes, and read by the halt trigger `canary`.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from connectors import gateway, self_calls
from connectors.calls import CallState, CallStatus, Lane
from connectors.events import EnforcementChanged, EnforcementFailed
from connectors.lights import Light, Outcome, Proof, light_of, worst
from connectors.models import Enforcement, ToolCall
from controlplane.lib import clock
from controlplane.lib.errors import DomainError
from controlplane.lib.logs import bind, get_logger
from evidence.services import record
from policies.canary import TOOL, WORKFLOW
from policies.models import DecisionRecord, Standing
from policies.types import Effect
from tenants import access as places
from tenants import scope
from tenants.actors import Actor
from tenants.models import Environment
from tenants.permissions import Perm, held_by_place

log = get_logger(__name__)

EVERY = timedelta(seconds=60)
_NOT_YET_DECIDED = frozenset({CallState.THROTTLED, CallState.PROPOSED})
_DOUBT_RULE, _DOUBT_CODES = "interlock.pep", frozenset({"bundle_expired"})


def try_due(limit: int = 200) -> int:
    """Put a canary through every environment whose time has come, in all tenants; how many. For the sweeper."""
    tried = 0
    for tenant_id, environment_id in _due(limit):
        with scope.enter(tenant_id), bind(tenant_id=tenant_id):
            tried += int(attempt(environment_id))
    return tried


def attempt(environment_id: UUID) -> bool:
    """One canary, if its minute has come; False when somebody else has this minute. Outside transactions."""
    moment = clock.now()
    environment = _claimed(environment_id, moment)
    if environment is None:
        return False
    try:
        status = put_through(environment, moment)
    except DomainError as error:
        log.exception("the canary of enforcement could not be put through")
        _keep(environment, moment, Found(Outcome.UNPROVEN, error.code, error.detail))
    else:
        _keep(environment, moment, _found(status))
    return True


def put_through(environment: Environment, moment: datetime) -> CallStatus:
    """The call, as far as it goes."""
    self_calls.install()
    call = self_calls.propose(
        tool=TOOL,
        workflow=WORKFLOW,
        environment=environment,
        run_id=environment.pk,
        key=f"canary:{environment.pk}:{moment.isoformat()}",
        lane=Lane.FORWARD,
        actor=_canary(),
    )
    return gateway.advance(call_id=call.call_id, actor=_canary())


@dataclass(frozen=True, slots=True)
class Found:
    """What one canary proved."""

    outcome: Outcome
    code: str = ""
    detail: str = ""
    state: str = ""
    call_id: UUID | None = None
    decision_id: UUID | None = None


@transaction.atomic
def _found(status: CallStatus) -> Found:
    call = ToolCall.objects.filter(pk=status.call_id).first()
    decision_id = call.decision_id if call else None
    return Found(
        outcome=_outcome(status.state, decision_id),
        code=status.code or status.state.value.lower(),
        detail=status.detail,
        state=status.state.value,
        call_id=status.call_id,
        decision_id=decision_id,
    )


def _outcome(state: CallState, decision_id: UUID | None) -> Outcome:
    """HALTED is no proof: then policy had let it pass, and only the kill switch held it."""
    if state is CallState.DENIED:
        return Outcome.HELD if _by_policy(decision_id) else Outcome.CLOSED
    return Outcome.UNPROVEN if state in _NOT_YET_DECIDED else Outcome.PASSED


def _by_policy(decision_id: UUID | None) -> bool:
    if decision_id is None:
        return False
    row = DecisionRecord.objects.filter(pk=decision_id, effect=Effect.DENY.value).first()
    if row is None:
        return False
    return not any(r["rule"] == _DOUBT_RULE or r["code"] in _DOUBT_CODES for r in row.reasons)


@transaction.atomic
def _due(limit: int) -> list[tuple[UUID, UUID]]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT tenant_id, environment_id FROM routing.canaries_due(%s, %s)", [clock.now(), limit])
        return list(cursor.fetchall())


@transaction.atomic(durable=True)
def _claimed(environment_id: UUID, moment: datetime) -> Environment | None:
    """The environment when this minute is ours: two sweepers put one canary through, not two."""
    first = {"outcome": Outcome.UNPROVEN, "since": moment, "next_at": moment}
    Enforcement.objects.get_or_create(environment_id=environment_id, defaults=first)
    mine = Enforcement.objects.filter(environment_id=environment_id, next_at__lte=moment)
    taken = mine.update(next_at=moment + EVERY)
    return Environment.objects.get(pk=environment_id) if taken else None


@transaction.atomic(durable=True)
def _keep(environment: Environment, moment: datetime, found: Found) -> None:
    row = Enforcement.objects.select_for_update().get(environment=environment)
    before = row.outcome if row.tried_at else Light.UNKNOWN.value
    if before != found.outcome:
        row.since = moment
        changed = EnforcementChanged(
            environment.pk, before, found.outcome, found.code, found.call_id, found.decision_id
        )
        record(changed, actor=_canary(), workspace_id=environment.workspace_id)
    if found.outcome is Outcome.PASSED:
        failed = EnforcementFailed(environment.pk, found.state, found.code, found.call_id, found.decision_id)
        record(failed, actor=_canary(), workspace_id=environment.workspace_id)
    row.outcome, row.code, row.detail, row.tried_at = found.outcome, found.code[:80], found.detail[:300], moment
    row.call_id, row.decision_id = found.call_id, found.decision_id
    row.save()


@dataclass(frozen=True, slots=True)
class Shown:
    """The light of one environment that has a policy; `row` is None when nothing is known yet."""

    environment: Environment
    row: Enforcement | None
    light: Light


def lights(actor: Actor) -> list[Shown]:
    """Of the environments that the actor may see. Needs an open transaction."""
    ruled = set(Standing.objects.values_list("environment_id", flat=True))
    known = {row.environment_id: row for row in Enforcement.objects.all()}
    seen = [environment for environment in places.environments(actor) if environment.pk in ruled]
    return [Shown(e, known.get(e.pk), _light(known.get(e.pk))) for e in seen]


def _light(row: Enforcement | None) -> Light:
    proof = Proof(Outcome(row.outcome), row.tried_at) if row else Proof()
    return light_of(proof, clock.now())


_PROOFS = """
SELECT coalesce(e.outcome, %(nothing)s), e.tried_at FROM policies_standing s
  JOIN tenants_environment v ON v.id = s.environment_id AND v.workspace_id = ANY(%(workspaces)s)
  LEFT JOIN connectors_enforcement e ON e.environment_id = s.environment_id AND e.tenant_id = s.tenant_id
 WHERE s.tenant_id = %(tenant)s
"""


def worst_light(actor: Actor) -> Light:
    """The worst of `lights`, in one statement: every page asks for it. Needs an open transaction."""
    seen = [workspace for workspace, perms in held_by_place(actor).items() if Perm.VIEW in perms]
    given: dict[str, Any] = {"tenant": scope.current(), "workspaces": seen, "nothing": Outcome.UNPROVEN}
    with connection.cursor() as cursor:
        cursor.execute(_PROOFS, given)
        proofs = [Proof(Outcome(outcome), tried_at) for outcome, tried_at in cursor.fetchall()]
    return worst([light_of(proof, clock.now()) for proof in proofs])


def _canary() -> Actor:
    return Actor.system(scope.current(), "canary")
