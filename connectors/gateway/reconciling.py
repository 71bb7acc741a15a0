"""What no probe can tell: a task for a person, with all that is known and where to look."""

from django.db.models import Q

from connectors.calls import Answer, Lane
from connectors.events import ReconcileOpened
from connectors.gateway import aftermath
from connectors.gateway.binding import Bound
from connectors.gateway.errors import NotReconcilable
from connectors.models import ReconcileTask, ToolCall
from connectors.types import CheckedByHand
from controlplane.lib import clock
from controlplane.lib.errors import LostRace
from evidence.services import record
from tenants.actors import Actor

NEEDS_PERSON = "needs_person"


def open_task(call: ToolCall, bound: Bound, *, actor: Actor) -> None:
    """Once per attempt; inside the transaction that gives the doubt up. A further doubt about the same attempt (it has
    landed, and policy does not say whether it may stay) opens the task again."""
    task = ReconcileTask(
        call=call,
        attempt=call.attempts,
        workspace_id=call.workspace_id,
        run_id=call.run_id,
        guide=guide(call, bound)[:1000],
    )
    ReconcileTask.objects.bulk_create([task], ignore_conflicts=True)
    if ReconcileTask.objects.filter(pk=task.pk).exists() or _opened_again(task):
        event = ReconcileOpened(task.pk, call.pk, call.attempts, call.tool, call.target, call.marker, call.probes)
        record(event, actor=actor, workspace_id=call.workspace_id, run_id=call.told_run_id)


def _opened_again(task: ReconcileTask) -> bool:
    """The task that was answered or found already, open once more; False when it is open still."""
    free: dict[str, object] = {"claimed_by": None, "claimed_label": "", "claimed_at": None, "answer": "", "note": ""}
    again = {"state": ReconcileTask.State.OPEN, "guide": task.guide, "closed_at": None, **free}
    closed = ReconcileTask.objects.filter(call=task.call, attempt=task.attempt)
    known = closed.exclude(state=ReconcileTask.State.OPEN).first()
    if known is None:
        return False
    task.pk = known.pk
    return bool(ReconcileTask.objects.filter(pk=known.pk).update(**again, answered_by=None, answered_label=""))


def guide(call: ToolCall, bound: Bound) -> str:
    """How to look for the write by hand; the address is the instance's, the words are the driver's."""
    verbs = bound.tool.verbs
    where = f"{call.target} at {bound.draft.instance.base_url}"
    if call.code in aftermath.DOUBTS:
        return f"The write has landed and stands. Policy was asked whether it may stay: {call.detail}. Target: {where}."
    if isinstance(verbs, CheckedByHand):
        return f"{verbs.by_hand(bound.action.args, call.marker)} Target: {where}."
    return f"Look at {where}: the write landed if it carries the marker {call.marker}."


def lawful(call: ToolCall) -> tuple[Answer, ...]:
    """What a person may answer. The undoing itself and the platform's own messages are not undone; that a write which
    policy is in doubt about has landed is known."""
    undoable = call.lane == Lane.FORWARD and call.reversibility != "irreversible"
    possible = tuple(Answer) if undoable else (Answer.LANDED, Answer.NOT_LANDED)
    return tuple(one for one in possible if one is not Answer.NOT_LANDED or call.code not in aftermath.DOUBTS)


def settle_task(call: ToolCall, *, answer: Answer, note: str, actor: Actor) -> ReconcileTask | None:
    """The one answer of the open task; None when the doubt had no task yet. Raises LostRace for the second one."""
    task = ReconcileTask.objects.filter(call=call, attempt=call.attempts).first()
    if task is None:
        return None
    free = Q(claimed_by=None) | Q(claimed_by=actor.id)
    told = {"answer": answer.value, "note": note[:500], "answered_by": actor.id, "answered_label": actor.label}
    answered = {"state": ReconcileTask.State.ANSWERED, "closed_at": clock.now(), **told}
    if not ReconcileTask.objects.filter(free, pk=task.pk, state=ReconcileTask.State.OPEN).update(**answered):
        raise LostRace("the task was answered, found or claimed by somebody else")
    return task


def require_unclaimed(call: ToolCall, actor: Actor) -> None:
    """Raises NotReconcilable while somebody else has claimed the task."""
    others = ReconcileTask.objects.filter(call=call, attempt=call.attempts).exclude(claimed_by=None)
    other = others.exclude(claimed_by=actor.id).first()
    if other is not None:
        raise NotReconcilable(f"{other.claimed_label} has claimed it; release it first")


def found_out(call: ToolCall) -> None:
    """The target told after all: nobody has to answer any more."""
    still = ReconcileTask.objects.filter(call=call, attempt=call.attempts, state=ReconcileTask.State.OPEN)
    still.update(state=ReconcileTask.State.FOUND, closed_at=clock.now())
