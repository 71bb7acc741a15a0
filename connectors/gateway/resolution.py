"""resolve: a person says what became of a call that no probe could tell. The first answer counts.

The target is looked at once more before the answer is taken: a marker that is there beats what anybody says, and
the images that it gives make the undo exact.
"""

from uuid import UUID

from django.db import transaction

from connectors import locks, ports
from connectors.calls import Answer, CallState, CallStatus
from connectors.events import CallResolved
from connectors.gateway import aftermath, reconciling, recovery, settlement, verification
from connectors.gateway.aftermath import ToldBy
from connectors.gateway.binding import Bound
from connectors.gateway.errors import AnswerUnlawful, FoundAfterAll, NotReconcilable
from connectors.gateway.status import status
from connectors.models import ToolCall
from connectors.types import Done, Failed, Landed, Outcome, Probe, Verified
from controlplane.lib.errors import LostRace
from evidence.services import record
from tenants.actors import Actor
from tenants.permissions import Perm, require


def resolve(*, call_id: UUID, actor: Actor, answer: Answer, note: str = "") -> CallStatus:
    """LANDED: settle as done. NOT_LANDED: it may be sent again. UNDO: it landed, and the run turns back.

    Needs OPERATE and a person. Raises NotReconcilable unless the call is UNKNOWN, in nobody's hands and its task
    unanswered; AnswerUnlawful; FoundAfterAll when the marker contradicts “did not land” (the call is then settled).
    """
    call = _taken(call_id, answer, actor)
    bound = recovery.bound_of(call)
    found = recovery.known_or_seen(call, bound)
    outcome, verified = _said(call, bound, found, answer)
    told = None if isinstance(found, Landed) and answer is Answer.NOT_LANDED else answer
    try:
        _settle(call, bound, outcome, verified, answer=told, note=note, actor=actor)
    except LostRace as lost:
        raise NotReconcilable(lost.detail) from lost
    if told is None:
        raise FoundAfterAll("the marker is there: the call has landed and was settled as that")
    return status(call_id=call_id)


@transaction.atomic(durable=True)
def _taken(call_id: UUID, answer: Answer, actor: Actor) -> ToolCall:
    """The call under a lease: of two people who answer at once, one gets it."""
    call = locks.get_call(call_id)
    require(actor, Perm.OPERATE, call.workspace_id, call.environment_id)
    if not actor.is_person:
        raise NotReconcilable("a person decides this")
    if answer not in reconciling.lawful(call):
        raise AnswerUnlawful("this call cannot be undone: say whether it landed")
    reconciling.require_unclaimed(call, actor)
    held = locks.claim(call_id, frozenset({CallState.UNKNOWN}))
    if held is None:
        raise NotReconcilable(f"the call is {call.state}, or looked at right now")
    return held


@transaction.atomic(durable=True)
def _settle(
    call: ToolCall,
    bound: Bound,
    outcome: Outcome,
    verified: Verified | None,
    *,
    answer: Answer | None,
    note: str,
    actor: Actor,
) -> None:
    """`answer` None: the target has contradicted the person, so nobody has answered. The run goes on in any case."""
    judged = call.code in aftermath.DOUBTS or answer is Answer.UNDO
    if answer is not None:
        task = reconciling.settle_task(call, answer=answer, note=note, actor=actor)
        event = CallResolved(call.pk, call.tool, answer.value, task.pk if task else None, note[:500])
        record(event, actor=actor, workspace_id=call.workspace_id, run_id=call.told_run_id)
    seen = ToldBy.PROBE if isinstance(outcome, Done) and outcome.output else ToldBy.PERSON
    settlement.settle_open(call, bound, outcome, actor=actor, verified=verified, told_by=seen, judged=judged)
    told = ports.Told(call.told_run_id, call.step_id, call.pk, answer or Answer.LANDED, actor)
    ports.reconciled.get()(told)


def _said(call: ToolCall, bound: Bound, found: Probe, answer: Answer) -> tuple[Outcome, Verified | None]:
    """The outcome that the target shows, else the one that the answer stands for; and what an undo reads like."""
    if isinstance(found, Landed):
        done = recovery.done_of(call, found)
        return done, verification.verify(call, bound, done)
    if answer is Answer.NOT_LANDED:
        return Failed(permanent=False, code="not_landed_says_person"), None
    return _on_their_word(call), None


@transaction.atomic
def _on_their_word(call: ToolCall) -> Done:
    """The images are those of the plan: the target did not show the marker."""
    return Done(output={}, before=recovery.before_of(call))
