"""Who may move a call, and in which order locks are taken.

Order of a dispatch: halts (shared advisory) → circuit → activated policy (share) → history → budgets →
rate bucket → approval → call → evidence; settling takes circuit → budgets → call → evidence. Nothing takes an
earlier one while it holds a later one.
"""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models import F, Q

from connectors.calls import CallState, may_move
from connectors.gateway.clocks import LEASE_S
from connectors.gateway.errors import CallNotFound, IllegalMove
from connectors.models import ToolCall
from controlplane.lib import clock
from controlplane.lib.errors import LostRace


def get_call(call_id: UUID) -> ToolCall:
    """The call of the entered tenant; raises CallNotFound."""
    call = (
        ToolCall.objects.select_related("instance", "workspace", "environment", "observation")
        .filter(pk=call_id)
        .first()
    )
    if call is None:
        raise CallNotFound()
    return call


def claim(call_id: UUID, states: frozenset[CallState]) -> ToolCall | None:
    """Take the call for one lease when nobody holds it and it is in one of `states`; else None.

    The fence grows, so that whoever held it before can no longer move it.
    """
    now = clock.now()
    free = Q(lease_until=None) | Q(lease_until__lte=now)
    taken = ToolCall.objects.filter(free, pk=call_id, state__in=states).update(
        fence=F("fence") + 1, lease_until=now + timedelta(seconds=LEASE_S)
    )
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
    held = ToolCall.objects.filter(pk=call.pk, state=call.state, fence=call.fence)
    if held.update(**changes) != 1:
        raise LostRace(f"call {call.pk} was moved by someone else")
    for name, value in changes.items():
        setattr(call, name, value)
