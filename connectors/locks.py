"""Who may move a call, and in which order locks are taken.

Order of a dispatch: halts (shared advisory) → circuit → activated policy (share) → history → budgets →
approval → call → evidence → rate bucket; settling takes circuit → history → budgets → call → evidence. Nothing takes an
earlier one while it holds a later one.
"""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Model

from connectors.calls import CallState, may_move
from connectors.gateway.clocks import LEASE_S
from connectors.gateway.errors import CallNotFound, IllegalMove
from connectors.models import ConnectorInstance, ToolCall
from controlplane.lib import clock
from controlplane.lib.errors import LostRace
from tenants import places, quick, scope

_CLAIM = """
UPDATE connectors_toolcall SET fence = fence + 1, lease_until = %s
 WHERE tenant_id = %s AND id = %s AND state = ANY(%s) AND (lease_until IS NULL OR lease_until <= %s)
"""


def get_call(call_id: UUID) -> ToolCall:
    """The call of the entered tenant; raises CallNotFound."""
    call = quick.first(ToolCall, id=call_id)
    if call is None:
        raise CallNotFound()
    return furnished(call)


def furnished(call: ToolCall) -> ToolCall:
    """With its instance as it is now, and its place."""
    instance = quick.first(ConnectorInstance, id=call.instance_id)
    if instance is None:
        raise CallNotFound()
    call.instance = instance
    call.workspace = places.workspace(call.workspace_id)
    call.environment = places.environment(call.environment_id)
    return call


def claim(call_id: UUID, states: frozenset[CallState]) -> ToolCall | None:
    """Take the call for one lease when nobody holds it and it is in one of `states`; else None.

    The fence grows, so that whoever held it before can no longer move it.
    """
    now = clock.now()
    until = now + timedelta(seconds=LEASE_S)
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, [until, scope.current(), call_id, [state.value for state in states], now])
        taken = cursor.rowcount
    return get_call(call_id) if taken else None


def still_held(call: ToolCall) -> ToolCall:
    """The call as the database has it, if it is still ours; raises LostRace when the lease passed on."""
    fresh = get_call(call.pk)
    if fresh.fence != call.fence:
        raise LostRace(f"call {call.pk} was taken over")
    return fresh


def move(call: ToolCall, to: CallState, **changes: Any) -> None:
    """Compare-and-swap on state and fence; raises LostRace when somebody else moved the call first."""
    if not may_move(CallState(call.state), to):
        raise IllegalMove(f"{call.state} → {to}")
    _swap(call, {"state": to, **changes})


def amend(call: ToolCall, **changes: Any) -> None:
    """Write fields of a call that is held, without moving it; raises LostRace like `move`."""
    _swap(call, changes)


def _swap(call: ToolCall, changes: dict[str, Any]) -> None:
    if quick.update(ToolCall, _plain(changes), id=call.pk, state=call.state, fence=call.fence) != 1:
        raise LostRace(f"call {call.pk} was moved by someone else")
    for name, value in changes.items():
        setattr(call, name, value)


def _plain(changes: dict[str, Any]) -> dict[str, Any]:
    """Rows by their ids, as columns hold them."""
    return {
        f"{name}_id" if isinstance(value, Model) else name: value.pk if isinstance(value, Model) else value
        for name, value in changes.items()
    }
