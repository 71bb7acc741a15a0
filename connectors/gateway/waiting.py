"""wait: for people (an approval bound to the digest), for a rate, for the end of a halt."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from uuid import UUID

from django.db import DatabaseError, transaction

from approvals import services as approvals
from approvals.models import ApprovalRequest
from approvals.types import State, Tier
from connectors import locks, wakeups
from connectors.calls import CallState
from connectors.events import CallClosed, CallHeld
from connectors.gateway import display, floor, obligations, scopes
from connectors.gateway.binding import Bound
from connectors.models import ToolCall
from connectors.types import Risk
from controlplane.lib.logs import get_logger
from evidence.services import record
from metering.services import run_cost
from policies.types import Decision, Effect
from tenants.actors import Actor
from tenants.models import User

log = get_logger(__name__)

DEFAULT_EXPIRY_S = 3600


def answered(call: ToolCall, *, actor: Actor) -> bool:
    """True when the approval still waits or ended without a yes; the call is then where it belongs."""
    request = _request(call)
    if request is None or request.state in (State.APPROVED, State.CONSUMED, State.VOIDED):
        return False
    if request.state == State.PENDING:
        keep_waiting(call)
    else:
        close(call, _ENDED[State(request.state)], code=f"approval_{request.state.lower()}", actor=actor)
    return True


def ask(call: ToolCall, bound: Bound, decision: Decision, *, writes_before: int, actor: Actor) -> bool:
    """Ask people about exactly this digest; False when they already said yes to it and policy wants more.

    `writes_before`: what was done until here, as people are told.
    """
    terms = obligations.approval_terms(decision.obligations)
    request = approvals.open_request(
        call_id=call.pk,
        run_id=call.run_id,
        workspace_id=call.workspace_id,
        environment_id=call.environment_id,
        action_digest=bound.digest,
        display=_shown(call, bound, decision, writes_before),
        tier=tier_of(call, decision),
        requester_id=call.actor_id,
        run_starter_id=call.starter_id or call.actor_id,
        agent_owner_id=call.on_behalf_of,
        ticket=call.ticket,
        expires_in_s=int(terms.get("expires_s", DEFAULT_EXPIRY_S)),
        quorum=terms.get("quorum"),
        roles=[str(role) for role in terms.get("roles", ())],
        distinct_roles=bool(terms.get("distinct_roles", False)),
        reason_required=obligations.wants_reason(decision.obligations),
        policy_revision=decision.revision,
        reasons=[{"rule": r.rule, "message": r.message, "code": r.code} for r in decision.reasons],
        actor=actor,
        halt_scopes=[(scope.kind, scope.value) for scope in scopes.of(call)],
    )
    if request.state != State.PENDING:
        return False
    keep_waiting(call, request_id=request.pk, action_digest=bound.digest, decision_id=decision.id)
    wakeups.show_cards(request_id=request.pk)
    return True


def lapsed(call: ToolCall) -> str:
    """Why the approval of the call no longer counts although it was given; "" where that is not the reason."""
    request = _request(call)
    given = request is not None and request.state in (State.APPROVED, State.CONSUMED)
    return approvals.lapsed(request) if given and request else ""


def give_up(call: ToolCall, *, reason: str, actor: Actor) -> None:
    """What people were asked or have said about a call that will not be made is void."""
    request = _request(call)
    if request is not None and request.state in (State.PENDING, State.APPROVED):
        approvals.void(request_id=request.pk, reason=reason, actor=actor)
        wakeups.show_cards(request_id=request.pk)


def keep_waiting(call: ToolCall, **changes: object) -> None:
    waits = {"code": "approval_pending", "detail": "", "retry_at": None, "lease_until": None}
    locks.move(call, CallState.WAITING_APPROVAL, **waits, **changes)


def hold(call: ToolCall, state: CallState, *, code: str, retry_at: datetime, actor: Actor, detail: str = "") -> None:
    """Not now: nothing was sent. Told once per reason, not at every look, and held also when it cannot be told."""
    told = (call.state, call.code) == (state, code)
    held = {"code": code[:80], "detail": detail[:500], "retry_at": retry_at, "lease_until": None}
    locks.move(call, state, **held)
    if not told:
        _record_if_possible(call, CallHeld(call.pk, call.tool, state.value, code[:80]), actor)


def _record_if_possible(call: ToolCall, event: CallHeld, actor: Actor) -> None:
    """Holding back needs no evidence; it may be the evidence that cannot be written."""
    try:
        with transaction.atomic():
            record(event, actor=actor, workspace_id=call.workspace_id, run_id=call.told_run_id)
    except DatabaseError:
        log.exception("a call is held back without its evidence")


def close(call: ToolCall, state: CallState, *, code: str, actor: Actor, detail: str = "") -> None:
    """Ended without having been sent."""
    locks.move(call, state, code=code[:80], detail=detail[:500], retry_at=None, lease_until=None)
    event = CallClosed(call.pk, call.tool, state.value, code[:80], call.request_id)
    record(event, actor=actor, workspace_id=call.workspace_id, run_id=call.told_run_id)


def _request(call: ToolCall) -> ApprovalRequest | None:
    return ApprovalRequest.objects.filter(pk=call.request_id).first() if call.request_id else None


def tier_of(call: ToolCall, decision: Decision) -> Tier:
    """The tier that policy names, and never less than the workflow insists on."""
    return floor.tier_of(_tier_of_policy(call, decision), call.approval_floor)


def _tier_of_policy(call: ToolCall, decision: Decision) -> Tier:
    """The tier that it names; a step-up is HIGH at least, whatever it names."""
    named = obligations.approval_terms(decision.obligations).get("tier")
    tier = Tier(str(named or Tier.STANDARD))
    if decision.effect is not Effect.REQUIRE_STEP_UP:
        return tier
    least = Tier.CRITICAL if call.risk == Risk.CRITICAL and not named else Tier.HIGH
    return floor.tier_of(tier, least)


def _shown(call: ToolCall, bound: Bound, decision: Decision, writes_before: int) -> dict[str, object]:
    return display.build(
        action=bound.tool.action,
        preview=bound.preview,
        undo=bound.undo,
        reasons=[display.Reason(r.rule, r.message, r.code) for r in decision.reasons],
        origin=display.Origin(
            requested_by=call.actor_label,
            on_behalf_of=_label(call.on_behalf_of),
            environment=call.environment.slug,
            connector=bound.draft.instance.name,
            writes_before=writes_before,
            run_id=call.run_id,
            ticket=call.ticket,
            cost_so_far_micros=run_cost(call.run_id).micros,
            observed_at=call.observed_at or call.created_at,
        ),
    )


def _label(user_id: UUID | None) -> str | None:
    owner = User.objects.filter(pk=user_id).first() if user_id else None
    return owner.label if owner else None


_ENDED: Mapping[State, CallState] = MappingProxyType(
    {
        State.REJECTED: CallState.REJECTED,
        State.WITHDRAWN: CallState.REJECTED,
        State.EXPIRED: CallState.EXPIRED,
    }
)
