"""resolve: a person says what became of a call that no probe could tell."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from uuid import UUID

from django.db import transaction

from connectors import locks
from connectors.calls import Answer, CallState, CallStatus
from connectors.events import CallResolved
from connectors.gateway import settlement
from connectors.gateway.binding import content, dispatched
from connectors.gateway.errors import NotReconcilable
from connectors.gateway.status import status_of
from connectors.models import ToolCall
from connectors.types import Done, Failed, Outcome
from evidence.services import record
from tenants.actors import Actor
from tenants.permissions import Perm, require


@transaction.atomic(durable=True)
def resolve(*, call_id: UUID, actor: Actor, answer: Answer) -> CallStatus:
    """LANDED: settle as done. NOT_LANDED: it may be sent again. ABANDON: over, with nothing to undo.

    Needs OPERATE and a person; raises NotReconcilable unless the call is UNKNOWN and not being probed right now.
    """
    call = locks.get_call(call_id)
    require(actor, Perm.OPERATE, call.workspace_id)
    if not actor.is_person:
        raise NotReconcilable("a person decides this")
    held = locks.claim(call_id, frozenset({CallState.UNKNOWN}))
    if held is None:
        raise NotReconcilable(f"the call is {call.state}")
    event = CallResolved(held.pk, held.tool, Answer(answer).value)
    record(event, actor=actor, workspace_id=held.workspace_id, run_id=held.told_run_id)
    outcome = _ANSWERS[Answer(answer)](held)
    settlement.settle_open(held, dispatched(held), outcome, actor=actor)
    return status_of(locks.get_call(call_id))


def _landed(call: ToolCall) -> Outcome:
    """The images are those of the plan: nobody read the target."""
    return Done(output={}, before=content(call.before_digest), after=None)


def _not_landed(call: ToolCall) -> Outcome:  # noqa: ARG001 - as in _ANSWERS
    return Failed(permanent=False, code="not_landed_says_person")


def _abandoned(call: ToolCall) -> Outcome:  # noqa: ARG001 - as in _ANSWERS
    return Failed(permanent=True, code="abandoned_by_person")


_ANSWERS: Mapping[Answer, Callable[[ToolCall], Outcome]] = MappingProxyType(
    {Answer.LANDED: _landed, Answer.NOT_LANDED: _not_landed, Answer.ABANDON: _abandoned}
)
