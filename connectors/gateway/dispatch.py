"""dispatch: ONE transaction. Every part is there and the intent is written, or nothing is sent.

Reads are cheap to repeat, so whatever is missing rolls the whole transaction back: a budget that was reserved
before the rate slot was refused is not held.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import DatabaseError, transaction

from approvals import services as approvals
from approvals.errors import ApprovalUnusable
from connectors import locks, wakeups
from connectors.calls import CallState, Lane
from connectors.events import CallIntended
from connectors.gateway import breaker, clocks, decision, history, scopes, waiting
from connectors.gateway.decision import Ruling
from connectors.gateway.display import recipe_document
from connectors.gateway.errors import DecideAgain, DispatchRefused, DryRunWrites
from connectors.models import CallAttempt, ToolCall
from connectors.types import Kind
from controlplane.lib import clock
from controlplane.lib.canonical import canonical
from controlplane.lib.events import Committed
from controlplane.lib.logs import get_logger
from evidence import services as evidence
from metering import services as metering
from metering.errors import BudgetExceeded
from policies import services as pdp
from policies.errors import DecisionStale
from tenants import halts, quick
from tenants.actors import Actor
from tenants.errors import HaltsUnreadable

log = get_logger(__name__)


@dataclass(frozen=True)
class Ticket:
    """Leave to send once: until `window_ends` on the monotonic clock, under this attempt.

    `suspected`: calls of the instance have failed lately, so that its circuit wants to hear of a success, too.
    """

    attempt_id: UUID
    intent_event_id: UUID
    window_ends: float
    suspected: bool


def dispatch(call: ToolCall, ruling: Ruling, *, actor: Actor) -> Ticket | None:
    """Leave to send, or None when the call went to a coded state with nothing sent.

    Raises DecideAgain when the decision no longer holds, LostRace when somebody else has the call.
    """
    started = clock.monotonic()
    try:
        return _intend(call, ruling, started, actor)
    except (DispatchRefused, BudgetExceeded, ApprovalUnusable, HaltsUnreadable, DatabaseError) as reason:
        _refuse(call, _refusal(reason), actor)
        return None


@transaction.atomic(durable=True)
def _intend(call: ToolCall, ruling: Ruling, started: float, actor: Actor) -> Ticket:
    """In the lock order of `connectors.locks`. Committed, this is the promise to send at most once."""
    _require_real(call, ruling)
    _require_no_halt(call)
    _require_evidence()
    suspected = breaker.admit(call, ruling.bound.draft.instance)
    _require_fresh(ruling)
    history.append(call, ruling.bound, ruling.seen)
    _pay(call, ruling, actor)
    _use_approval(call, ruling, actor)
    number = call.attempts + 1
    locks.move(call, CallState.DISPATCHED, **_dispatched(number))
    intent = evidence.record(
        _intent(call, ruling), actor=actor, workspace_id=call.workspace_id, run_id=call.told_run_id
    )
    attempt = CallAttempt(
        call=call,
        number=number,
        fence=call.fence,
        idempotency_key=f"{call.idempotency_key}#{number}",
        action_digest=ruling.bound.digest,
        decision_id=ruling.decision.id,
        intent_event_id=intent.id,
    )
    quick.insert([attempt])
    _take_slot(call, ruling)
    return Ticket(attempt.pk, intent.id, started + clocks.SEND_WINDOW_S, suspected)


def _require_real(call: ToolCall, ruling: Ruling) -> None:
    """A dry run may read. The database and `propose` say so too; this is the last door before an intent."""
    if call.dry_run and Kind.WRITE in (call.kind, ruling.bound.tool.action.kind):
        raise DispatchRefused(CallState.DENIED, DryRunWrites.code, DryRunWrites.title)


def _require_no_halt(call: ToolCall) -> None:
    """Shared locks first, read in the next statement: whoever engages after this waits for our commit."""
    concerned = scopes.of(call)
    halts.hold(concerned)
    halt = scopes.closing(halts.active(concerned), call.lane)
    if halt is not None:
        raise DispatchRefused(CallState.HALTED, "halted", f"{halt.kind} halt: {halt.reason}", _in(clocks.HALT_RETRY_S))


def _require_evidence() -> None:
    full = evidence.backpressure()
    if full:
        raise DispatchRefused(CallState.THROTTLED, full, retry_at=_in(clocks.HOLD_RETRY_S))


def _require_fresh(ruling: Ruling) -> None:
    """The deciding bundle is still the active one (its row is share-locked until we commit) and all is young."""
    try:
        pdp.still_good(ruling.decision.id, max_age_s=clocks.DECISION_MAX_AGE_S)
    except DecisionStale as stale:
        raise DecideAgain(stale.detail) from stale


def _pay(call: ToolCall, ruling: Ruling, actor: Actor) -> None:
    metering.reserve(
        call_id=call.pk,
        workspace_id=call.workspace_id,
        workflow=call.workflow,
        model=str(ruling.bound.draft.args.get("model")) if call.kind == "model" else None,
        estimate_micros=ruling.estimate_micros,
        lane=call.lane,
        run_id=call.told_run_id,
        actor=actor,
    )


def _take_slot(call: ToolCall, ruling: Ruling) -> None:
    """Last, because the row of the rate is locked until we commit: the calls in flight are counted by one at a time,
    and all calls of the instance wait for each other here."""
    instance = ruling.bound.draft.instance
    wait_s = metering.take_slot(instance_id=instance.pk, per_minute=ruling.bound.tool.action.per_minute)
    if wait_s is not None:
        raise DispatchRefused(CallState.THROTTLED, "rate_limited", retry_at=_in(wait_s))
    if instance.max_in_flight is not None and call.lane != Lane.COMPENSATION:
        _require_room(call, instance.max_in_flight)


def _require_room(call: ToolCall, most: int) -> None:
    """What is undone is not kept waiting, but counts."""
    sent = ToolCall.objects.filter(
        instance_id=call.instance_id, state=CallState.DISPATCHED, lease_until__gt=clock.now()
    ).exclude(pk=call.pk)
    if sent.count() >= most:
        raise DispatchRefused(CallState.THROTTLED, "connector_busy", retry_at=_in(clocks.BUSY_RETRY_S))


def _use_approval(call: ToolCall, ruling: Ruling, actor: Actor) -> None:
    """Single use: this call consumes it once, its later attempts stand on that."""
    if call.request_id is None or call.approval_consumed_at is not None:
        return
    approvals.consume(request_id=call.request_id, call_id=call.pk, action_digest=ruling.bound.digest, actor=actor)
    locks.amend(call, approval_consumed_at=clock.now())
    wakeups.show_cards(request_id=call.request_id)


def _dispatched(number: int) -> dict[str, object]:
    now = clock.now()
    return {
        "code": "",
        "detail": "",
        "retry_at": None,
        "attempts": number,
        "probes": 0,
        "dispatched_at": now,
        "lease_until": now + timedelta(seconds=clocks.LEASE_S),
    }


def _intent(call: ToolCall, ruling: Ruling) -> CallIntended:
    action = ruling.bound.action
    return CallIntended(
        call_id=call.pk,
        attempt=call.attempts,
        tool=call.tool,
        tool_version=call.tool_version,
        kind=call.kind,
        lane=call.lane,
        target=action.target,
        idempotency_key=call.idempotency_key,
        action_digest=ruling.bound.digest,
        manifest_digest=call.manifest_digest,
        decision_id=ruling.decision.id,
        estimate_micros=call.estimate_micros,
        args=Committed(canonical(action.args)),
        expected=Committed(canonical(action.expected)),
        undo=Committed(canonical(recipe_document(ruling.bound.undo))),
        request_id=call.request_id,
        ticket=call.ticket,
    )


def _refusal(reason: Exception) -> DispatchRefused:
    """The coded state of whatever kept the dispatch from committing."""
    if isinstance(reason, DispatchRefused):
        return reason
    if isinstance(reason, BudgetExceeded | ApprovalUnusable):
        return DispatchRefused(CallState.DENIED, reason.code, reason.detail)
    if isinstance(reason, HaltsUnreadable):
        return DispatchRefused(CallState.HALTED, reason.code, reason.detail, _in(clocks.HALT_RETRY_S))
    log.error("dispatch was not recorded, nothing is sent", exc_info=reason)
    return DispatchRefused(CallState.THROTTLED, "dispatch_not_recorded", retry_at=_in(clocks.HOLD_RETRY_S))


@transaction.atomic(durable=True)
def _refuse(call: ToolCall, refusal: DispatchRefused, actor: Actor) -> None:
    call = locks.still_held(call)
    if refusal.state is CallState.DENIED:
        decision.deny(call, code=refusal.code, detail=refusal.detail, actor=actor, decision_id=call.decision_id)
    else:
        waiting.hold(
            call,
            refusal.state,
            code=refusal.code,
            detail=refusal.detail,
            retry_at=refusal.retry_at or _in(clocks.HOLD_RETRY_S),
            actor=actor,
        )


def _in(seconds: float) -> datetime:
    return clock.now() + timedelta(seconds=seconds)
