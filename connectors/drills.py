"""The rehearsal of the kill switch: a halt on a workflow that exists for nothing else, and a call that it must stop.

The same call must pass once the halt is released: then it was the switch that had refused it, nothing else.
Killed in the middle, a drill leaves a halt that stops nothing real; the next drill releases it.
"""

from dataclasses import dataclass
from uuid import UUID

from django.db import transaction

from connectors import gateway, self_calls
from connectors.calls import CallState, CallStatus, Lane
from controlplane.lib import clock, ids
from controlplane.lib.errors import DomainError
from tenants import access, halts, ports, scope
from tenants.actors import Actor
from tenants.errors import HaltState
from tenants.events import HaltDrillFinished
from tenants.halt_scopes import Kind, Scope
from tenants.models import Environment, Halt, HaltDrill
from tenants.permissions import Perm, require

WORKFLOW = "interlock-drill"
TOOL = "interlock.drill.ping"
REASON = "Drill: it stops nothing but the call of the drill"


@dataclass
class _Times:
    began: float

    def passed_ms(self) -> int:
        return round((clock.monotonic() - self.began) * 1000)


def rehearse(*, environment_id: UUID, actor: Actor) -> HaltDrill:
    """Engage, be refused, release, pass; recorded with every time and as evidence. Needs ENGAGE_HALT.

    Raises HaltState while a real halt would refuse the call anyway. Not a transaction: a call is made in it.
    """
    drill = _begin(environment_id, actor)
    times, system = _Times(clock.monotonic()), Actor.system(scope.current(), "drill")
    try:
        _engage(drill, times, system)
        call = _ping(drill, system)
        drill.refused_ms, drill.refused_as = times.passed_ms(), _named(call)
        _release(drill, times, system)
        again = gateway.advance(call_id=call.call_id, actor=system)
        drill.resumed_ms, drill.resumed_as = times.passed_ms(), _named(again)
        drill.passed = (call.state, call.code) == (CallState.HALTED, "halted") and again.state is CallState.SUCCEEDED
    except DomainError as refusal:
        drill.detail = f"{refusal.code}: {refusal.detail}"[:300]
    return _finish(drill, system)


@transaction.atomic
def latest(limit: int = 10) -> list[HaltDrill]:
    """Rehearsals of the entered tenant, newest first."""
    return list(HaltDrill.objects.select_related("environment").order_by("-id")[:limit])


@transaction.atomic(durable=True)
def _begin(environment_id: UUID, actor: Actor) -> HaltDrill:
    environment = access.environment(actor, environment_id)
    require(actor, Perm.ENGAGE_HALT, environment.workspace_id, environment.pk)
    for left_behind in halts.drills_in_force():
        halts.end_drill(halt_id=left_behind, actor=actor)
    real = halts.active(_scopes(environment))
    if real:
        raise HaltState(f"{real[0].scope} is halted: nothing to rehearse now")
    self_calls.install()
    return HaltDrill.objects.create(
        environment=environment, started_by=actor.id, started_by_label=actor.label, started_at=clock.now()
    )


def _scopes(environment: Environment) -> list[Scope]:
    named = [
        (Kind.WORKSPACE, str(environment.workspace_id)),
        (Kind.WORKSPACE, environment.workspace.slug),
        (Kind.ENVIRONMENT, str(environment.pk)),
        (Kind.ENVIRONMENT, environment.slug),
        (Kind.CONNECTOR, self_calls.NAME),
        (Kind.TOOL, TOOL),
        (Kind.WORKFLOW, WORKFLOW),
    ]
    return [Scope(Kind.GLOBAL), Scope(Kind.TENANT), *(Scope(kind, value) for kind, value in named)]


@transaction.atomic(durable=True)
def _engage(drill: HaltDrill, times: _Times, system: Actor) -> None:
    covered = Scope(Kind.WORKFLOW, WORKFLOW)
    halt = halts.put_in_force(scope=covered, mode=Halt.Mode.FREEZE, reason=REASON, actor=system, drill=True)
    drill.halt_id, drill.engaged_ms = halt.pk, times.passed_ms()
    if halt.confirmed_at is not None:
        drill.confirmed_ms = times.passed_ms()
    drill.save()


def _ping(drill: HaltDrill, system: Actor) -> CallStatus:
    call = self_calls.propose(
        tool=TOOL,
        workflow=WORKFLOW,
        environment=drill.environment,
        run_id=ids.uuid7(),
        key=f"drill:{drill.pk}",
        lane=Lane.SYSTEM,
        actor=system,
    )
    drill.call_id = call.call_id
    return gateway.advance(call_id=call.call_id, actor=system)


@transaction.atomic(durable=True)
def _release(drill: HaltDrill, times: _Times, system: Actor) -> None:
    if drill.halt_id is not None:
        halts.end_drill(halt_id=drill.halt_id, actor=system)
    drill.released_ms = times.passed_ms()


@transaction.atomic(durable=True)
def _finish(drill: HaltDrill, system: Actor) -> HaltDrill:
    if drill.released_ms is None and drill.halt_id is not None:
        halts.end_drill(halt_id=drill.halt_id, actor=system)
    drill.finished_at = clock.now()
    if not drill.passed and not drill.detail:
        drill.detail = f"expected HALTED then SUCCEEDED, saw {drill.refused_as} then {drill.resumed_as}"[:300]
    drill.save()
    ports.record.get()(_finished(drill), actor=system, workspace_id=drill.environment.workspace_id)
    return drill


def _finished(drill: HaltDrill) -> HaltDrillFinished:
    return HaltDrillFinished(
        drill_id=drill.pk,
        environment_id=drill.environment_id,
        halt_id=drill.halt_id,
        call_id=drill.call_id,
        passed=drill.passed,
        engaged_ms=drill.engaged_ms,
        confirmed_ms=drill.confirmed_ms,
        refused_ms=drill.refused_ms,
        refused_as=drill.refused_as,
        released_ms=drill.released_ms,
        resumed_ms=drill.resumed_ms,
        resumed_as=drill.resumed_as,
        detail=drill.detail,
    )


def _named(call: CallStatus) -> str:
    return f"{call.state} {call.code}".strip()
