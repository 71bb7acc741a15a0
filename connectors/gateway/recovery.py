"""unknown → probe: nobody knows whether the call landed, so the target is asked, never told again.

A worker that died after dispatch leaves the call DISPATCHED under a lease that runs out; its first byte cannot
leave after that (`clocks`), so the call is declared unknown and looked for. What no probe can tell becomes a
task for a person (`reconciling`).
"""

from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction

from connectors import locks
from connectors.calls import CallState, CallStatus
from connectors.errors import SendAborted
from connectors.events import CallProbed, CallUnknown
from connectors.gateway import aftermath, clocks, reconciling, sending, settlement, verification
from connectors.gateway.aftermath import ToldBy
from connectors.gateway.binding import Bound, content, dispatched
from connectors.gateway.status import status
from connectors.models import CallAttempt, CallProbe, ToolCall
from connectors.redaction import scrub
from connectors.types import CannotTell, Done, Failed, JsonObject, Landed, NotLanded, Probe, Unknown, WriteVerbs
from controlplane.lib import clock
from controlplane.lib.errors import LostRace
from controlplane.lib.logs import get_logger
from evidence.services import record
from tenants.actors import Actor
from tenants.errors import CredentialMissing

log = get_logger(__name__)


def probe(*, call_id: UUID, actor: Actor) -> CallStatus:
    """Look for the effect of a call whose outcome is unknown; also declares a lost worker's call unknown.

    Goes on during every halt: it only reads. Landed → SUCCEEDED; absent after the action's settle time →
    FAILED_TRANSIENT, so that `advance` may send it again under the same marker; else later, then a person.
    """
    declare_lost(call_id=call_id, actor=actor)
    call = _claim(call_id)
    if call is None:
        return status(call_id=call_id)
    looked_at = clock.now()
    bound = bound_of(call)
    try:
        _found(call, bound, known_or_seen(call, bound), looked_at, actor)
    except LostRace:
        log.info("call %s was settled by someone else while it was probed", call_id)
    return status(call_id=call_id)


@transaction.atomic(durable=True)
def declare_lost(*, call_id: UUID, actor: Actor) -> None:
    """DISPATCHED and its lease has run out: whoever sent it is gone. A read is simply asked again."""
    call = locks.claim(call_id, frozenset({CallState.DISPATCHED}))
    if call is None:
        return
    if call.kind == "write":
        locks.move(call, CallState.UNKNOWN, code="worker_lost", retry_at=clock.now(), lease_until=None)
        event = CallUnknown(call.pk, call.attempts, call.tool, "worker_lost")
        record(event, actor=actor, workspace_id=call.workspace_id, run_id=call.told_run_id)
        return
    settlement.settle_open(call, dispatched(call), Unknown("worker_lost"), actor=actor)


@transaction.atomic
def bound_of(call: ToolCall) -> Bound:
    return dispatched(call)


def known_or_seen(call: ToolCall, bound: Bound) -> Probe:
    """What the target says, unless it is not the target that leaves a doubt."""
    return _known(call) or look(call, bound)


@transaction.atomic
def _known(call: ToolCall) -> Landed | None:
    return aftermath.known(call)


def look(call: ToolCall, bound: Bound) -> Probe:
    """What the target says. A probe that fails proves nothing."""
    verbs = bound.tool.verbs
    if not isinstance(verbs, WriteVerbs):
        return NotLanded()
    try:
        context = sending.context_for(call, bound.draft.instance, gate=sending.probe_gate)
        found = verbs.probe(context, bound.action.args, bound.action.expected)
    except (CredentialMissing, SendAborted) as reason:
        return CannotTell(reason.detail)
    except Exception:
        log.exception("the probe of %s failed", call.tool)
        return CannotTell("the probe failed")
    return CannotTell(scrub(found.detail, context.credentials.values())) if isinstance(found, CannotTell) else found


@transaction.atomic
def done_of(call: ToolCall, found: Landed) -> Done:
    return Done(output=found.output, before=before_of(call), after=found.after)


def before_of(call: ToolCall) -> JsonObject | None:
    return content(call.before_digest)


@transaction.atomic(durable=True)
def _claim(call_id: UUID) -> ToolCall | None:
    return locks.claim(call_id, frozenset({CallState.UNKNOWN}))


def _found(call: ToolCall, bound: Bound, found: Probe, looked_at: datetime, actor: Actor) -> None:
    if not isinstance(found, Landed):
        _absent_or_unclear(call, bound, found, looked_at, actor)
        return
    done = done_of(call, found)
    verified = verification.verify(call, bound, done)
    if verification.unreadable(verified):
        _absent_or_unclear(call, bound, CannotTell(verification.WORDS), looked_at, actor)
        return
    with transaction.atomic(durable=True):
        _note(call, "landed", "")
        settlement.settle_open(call, bound, done, actor=actor, verified=verified, told_by=ToldBy.PROBE)


@transaction.atomic(durable=True)
def _absent_or_unclear(
    call: ToolCall, bound: Bound, found: NotLanded | CannotTell, looked_at: datetime, actor: Actor
) -> None:
    """An absence counts when the look began after the settle time: what came in during it was not seen."""
    word, detail = ("cannot_tell", found.detail) if isinstance(found, CannotTell) else ("not_landed", "")
    record(
        CallProbed(call.pk, call.attempts, call.probes + 1, call.tool, word),
        actor=actor,
        workspace_id=call.workspace_id,
        run_id=call.told_run_id,
    )
    _note(call, word, detail)
    over = _sent_until(call, looked_at) + timedelta(seconds=bound.tool.action.settle_time_s)
    if isinstance(found, NotLanded) and looked_at >= over:
        settlement.settle_open(call, bound, Failed(False, "not_landed"), actor=actor)
        return
    _look_again(call, bound, over if isinstance(found, NotLanded) else None, actor)


def _look_again(call: ToolCall, bound: Bound, over: datetime | None, actor: Actor) -> None:
    """Later; an absence is looked at once more when the settle time is over, doubt goes to a person."""
    probes = call.probes + 1
    retry_at = clocks.next_probe(clock.now(), probes)
    if over is not None:
        retry_at = min(retry_at, over) if retry_at else over
    code = call.code if retry_at else reconciling.NEEDS_PERSON
    locks.move(call, CallState.UNKNOWN, probes=probes, retry_at=retry_at, code=code, lease_until=None)
    if retry_at is None:
        reconciling.open_task(call, bound, actor=actor)


def _sent_until(call: ToolCall, looked_at: datetime) -> datetime:
    """After this no byte of the attempt was on its way: its worker said so, or its window and deadline are over."""
    attempt = CallAttempt.objects.filter(call=call, number=call.attempts).first()
    if attempt is not None and attempt.settled_at is not None:
        return attempt.settled_at
    sent_at = call.dispatched_at or looked_at
    return sent_at + timedelta(seconds=clocks.LAST_BYTE_S)


def _note(call: ToolCall, found: str, detail: str) -> None:
    """What the target answered, for whoever has to decide by hand."""
    CallProbe.objects.create(call=call, attempt=call.attempts, number=call.probes + 1, found=found, detail=detail[:500])
