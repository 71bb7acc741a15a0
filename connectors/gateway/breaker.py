"""The circuit breaker at work: asked in the dispatch transaction, taught in the settling one.

A healthy instance costs nothing: its circuit is read with the instance, and written only after a failure.
Whoever tries while it is open moves the row by compare-and-swap, so that many workers make one try.
"""

from django.db.models import F

from connectors.calls import CallState, Lane
from connectors.circuits import CircuitState, Hold, Sign, Standing, Tries, admission, after, sign_of
from connectors.events import CircuitClosed, CircuitOpened
from connectors.gateway import clocks
from connectors.gateway.errors import DispatchRefused
from connectors.models import Circuit, ConnectorInstance, ToolCall
from connectors.types import Done, Failed, Outcome
from controlplane.lib import clock
from evidence.services import record
from tenants import quick
from tenants.actors import Actor

OPEN_CODE = "circuit_open"


def admit(call: ToolCall, instance: ConnectorInstance) -> bool:
    """Whether failures are on the circuit; raises DispatchRefused when it is open or the instance is off."""
    if quick.first(ConnectorInstance, id=instance.pk, enabled=True) is None:
        raise DispatchRefused(CallState.DENIED, "connector_disabled")
    circuit = quick.first(Circuit, instance_id=instance.pk)
    if circuit is None or _untroubled(circuit):
        return False
    at = clock.now()
    said = admission(standing_of(circuit), Lane(call.lane), call_id=call.pk, at=at, lease_s=clocks.LEASE_S)
    if isinstance(said, Hold):
        raise DispatchRefused(CallState.THROTTLED, OPEN_CODE, _words(circuit), said.retry_at)
    if said.standing is not None:
        _try(circuit, said.standing)
    return True


def learn(call: ToolCall, instance: ConnectorInstance, outcome: Outcome, *, suspected: bool, actor: Actor) -> None:
    """What the outcome says about the instance. Needs an open transaction; locks the circuit before the call."""
    sign = sign_of(outcome)
    if sign is not Sign.IN_TROUBLE and not suspected:
        return
    circuit = _locked(instance)
    before, at = standing_of(circuit), clock.now()
    asked = outcome.retry_after_s if isinstance(outcome, Failed) else None
    now = after(before, sign, Lane(call.lane), call_id=call.pk, at=at, asked_s=asked)
    if now == before:
        return
    circuit.code = "" if isinstance(outcome, Done) else outcome.code[:80]
    _write(circuit, now)
    _tell(call, instance, circuit, before, now, actor)


def standing_of(circuit: Circuit) -> Standing:
    return Standing(
        state=CircuitState(circuit.state),
        failures=circuit.failures,
        trips=circuit.trips,
        opened_at=circuit.opened_at,
        forward=Tries(circuit.next_try_at, circuit.trying_until, circuit.trying_call_id),
        undo=Tries(circuit.next_undo_at, circuit.undoing_until, circuit.undoing_call_id),
    )


def _untroubled(circuit: Circuit) -> bool:
    return circuit.state == CircuitState.CLOSED and circuit.failures == 0


def _try(circuit: Circuit, standing: Standing) -> None:
    """Only one worker's version matches; the others wait for what it finds out."""
    mine = Circuit.objects.filter(pk=circuit.pk, version=circuit.version)
    if not mine.update(version=F("version") + 1, **_columns(standing)):
        raise DispatchRefused(CallState.THROTTLED, OPEN_CODE, _words(circuit))


def _locked(instance: ConnectorInstance) -> Circuit:
    Circuit.objects.bulk_create([Circuit(instance=instance)], ignore_conflicts=True)
    return Circuit.objects.select_for_update().get(instance=instance)


def _write(circuit: Circuit, standing: Standing) -> None:
    Circuit.objects.filter(pk=circuit.pk).update(version=F("version") + 1, code=circuit.code, **_columns(standing))


def _columns(standing: Standing) -> dict[str, object]:
    return {
        "state": standing.state,
        "failures": standing.failures,
        "trips": standing.trips,
        "opened_at": standing.opened_at,
        "next_try_at": standing.forward.next_at,
        "trying_until": standing.forward.until,
        "trying_call_id": standing.forward.call_id,
        "next_undo_at": standing.undo.next_at,
        "undoing_until": standing.undo.until,
        "undoing_call_id": standing.undo.call_id,
    }


def _tell(
    call: ToolCall, instance: ConnectorInstance, circuit: Circuit, before: Standing, now: Standing, actor: Actor
) -> None:
    """Evidence when it opens and when it closes; the tries in between are calls with evidence of their own."""
    if before.opened_at is None and now.opened_at is not None:
        next_at = now.forward.next_at or now.opened_at
        opened = CircuitOpened(instance.pk, instance.name, now.failures, circuit.code, call.pk, next_at)
        record(opened, actor=actor)
    if before.opened_at is not None and now.opened_at is None:
        record(CircuitClosed(instance.pk, instance.name, call.pk, before.opened_at), actor=actor)


def _words(circuit: Circuit) -> str:
    return f"{circuit.failures} calls in a row failed ({circuit.code}); one is tried from time to time"
