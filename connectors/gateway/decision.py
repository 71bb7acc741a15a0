"""decide: ask the PDP under the active bundle, carry out what it obliges to, ask again, then follow the effect.

An approved call is decided again with the approvals in the input; nothing skips the PDP.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import Any
from uuid import UUID

from django.db import transaction

from approvals.services import approvals_for
from connectors import locks
from connectors.calls import CallState, Lane
from connectors.events import CallDenied
from connectors.gateway import (
    clocks,
    document,
    floor,
    history,
    marks,
    obligations,
    routing,
    spending,
    telling,
    tools,
    waiting,
)
from connectors.gateway.binding import Bound, Draft, bind, draft_of
from connectors.gateway.errors import ArgsInvalid, InstanceUnusable
from connectors.gateway.marks import NOTHING, Mark
from connectors.gateway.observation import subject
from connectors.models import ToolCall
from connectors.types import JsonObject, Kind
from controlplane.lib import clock, ids
from controlplane.lib.canonical import digest
from evidence.services import record
from metering.services import run_cost
from policies import services as pdp
from policies.types import Asked, Decision, Effect, Phase
from tenants import access, payloads
from tenants.actors import Actor

MOST_TURNS = 4


@dataclass(frozen=True)
class Ruling:
    """A decision that holds for exactly this action and this history."""

    bound: Bound
    decision: Decision
    seen: history.Seen
    estimate_micros: int | None

    @property
    def wants_seal(self) -> bool:
        return obligations.wants_seal(self.decision.obligations)


class Unsettled(Exception):
    """What policy asks to change does not come to rest, or cannot be carried out: a DENY."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


@transaction.atomic(durable=True)
def decide(call: ToolCall, *, actor: Actor) -> Ruling | None:
    """The gateway's enforcement point: may this call leave? The ruling to dispatch under; None when the call waits or
    is closed (its state says which)."""
    if waiting.answered(call, actor=actor):
        return None
    try:
        ruling = settled_ruling(call, actor)
    except Unsettled as refusal:
        deny(call, code=refusal.code, detail=str(refusal), actor=actor)
        return None
    telling.order(call, ruling.decision, Phase.BEFORE, actor=actor)
    _EFFECTS[ruling.decision.effect](call, ruling, actor)
    return ruling if ruling.decision.effect is Effect.ALLOW else None


def deny(
    call: ToolCall, *, code: str, detail: str, actor: Actor, decision_id: UUID | None = None, digest: str = ""
) -> None:
    """Close the call as denied, with evidence; a yes that it still has is void. Needs an open transaction and the
    lease."""
    waiting.give_up(call, reason=f"denied: {code}", actor=actor)
    denied = {"code": code[:80], "detail": detail[:500], "retry_at": None, "lease_until": None}
    locks.move(call, CallState.DENIED, **denied, decision_id=decision_id or call.decision_id)
    event = CallDenied(call.pk, call.tool, code[:80], detail[:500], decision_id, digest or None)
    record(event, actor=actor, workspace_id=call.workspace_id, run_id=call.told_run_id)


def settled_ruling(call: ToolCall, actor: Actor, *, planned: Mark = NOTHING) -> Ruling:
    """Decide, apply, decide once more until nothing changes; raises Unsettled.

    `planned` is what a dry run has gone through before this call and what the ticket's history does not have.
    """
    drafts = [draft_of(call)]
    for _ in range(MOST_TURNS):
        ruling = _ask(call, drafts[-1], planned, actor)
        changed = _carried_out(call, drafts[-1], ruling.decision)
        if changed == drafts[-1]:
            return ruling
        if ruling.decision.effect is Effect.ROUTE and changed in drafts:
            raise Unsettled("route_unsettled", "the route leads back to where it was sent away from")
        drafts.append(changed)
    raise Unsettled("obligations_unsettled", "what policy changes does not come to rest")


def _ask(call: ToolCall, draft: Draft, planned: Mark, actor: Actor) -> Ruling:
    try:
        bound = bind(call, draft)
    except (ArgsInvalid, InstanceUnusable) as error:
        raise Unsettled("obligation_breaks_action", error.detail) from error
    seen = history.read(call, bound.record)
    estimate = spending.estimate(call, bound)
    approvals = approvals_of(call)
    decision = pdp.decide(
        document=question(call, bound, seen.past.followed_by(planned), estimate, approvals),
        workspace_id=call.workspace_id,
        environment_id=call.environment_id,
        run_id=call.told_run_id,
        call_id=call.pk,
        actor=actor,
    )
    asked = floor.raised(
        decision,
        floor=call.approval_floor,
        reason=call.approval_reason,
        digest=bound.digest,
        approvals=approvals,
    )
    _require_reason(call, bound, asked, approvals)
    return Ruling(bound, asked, seen, estimate)


def _require_reason(call: ToolCall, bound: Bound, decision: Decision, approvals: list[dict[str, Any]]) -> None:
    """Whoever said yes to this has said why; where nobody was asked, the call itself does."""
    if decision.effect is not Effect.ALLOW or not obligations.wants_reason(decision.obligations):
        return
    mine = [given for given in approvals if given["action_digest"] == bound.digest]
    if mine and not all(given["reasoned"] for given in mine):
        raise Unsettled("approval_without_reason", "policy wants to know why, and a yes was given without a reason")
    if not mine and not call.reason:
        raise Unsettled("reason_required", "policy wants to know why, and the call states no reason")


def _carried_out(call: ToolCall, draft: Draft, decision: Decision) -> Draft:
    """The draft after what the decision asks for; the same draft when it asks for nothing (more)."""
    if decision.effect in (Effect.DENY, Effect.THROTTLE):
        return draft
    try:
        telling.require_somebody(call, decision)
        changed = Draft(draft.instance, obligations.apply(draft.args, decision.obligations))
        return routing.follow(call, changed, decision.route) if decision.effect is Effect.ROUTE else changed
    except (obligations.ObligationUnsupported, InstanceUnusable) as error:
        raise Unsettled("obligation_unsupported", str(error)) from error


def question(
    call: ToolCall, bound: Bound, past: marks.Past, estimate: int | None, approvals: list[dict[str, Any]]
) -> dict[str, Any]:
    roles = access.roles_in(call.actor_id, call.workspace_id, call.environment_id)
    who = subject(call)
    return document.build(
        bound=bound.action,
        digest=bound.digest,
        action=bound.tool.action,
        subject=document.Subject(who.id, who.kind, tuple(roles), who.on_behalf_of),
        place=document.Place(
            environment=call.environment.slug,
            connector=bound.draft.instance.name,
            provider=tools.provider_of(bound.draft.instance),
            workflow=call.workflow,
            workflow_version=call.workflow_version,
            lane=call.lane,
            ticket=call.ticket,
            approval_floor=call.approval_floor,
            reason=call.reason,
            record=bound.record,
            brings=tuple(bound.brings),
        ),
        now=document.Circumstances(
            request_id=ids.uuid7(),
            now_ns=clock.now_ns(),
            attempt=call.attempts + 1,
            run_micro=run_cost(call.run_id).micros,
            estimate_micro=estimate or 0,
            past=past,
            approvals=approvals,
        ),
    )


def approvals_of(call: ToolCall) -> list[dict[str, Any]]:
    """Those of this call, also for a further attempt after it consumed them."""
    if call.request_id is None:
        return []
    return approvals_for(call.request_id, used_by=call.pk if call.approval_consumed_at else None)


def _allow(call: ToolCall, ruling: Ruling, actor: Actor) -> None:  # noqa: ARG001 - as in _EFFECTS
    """Keep what was decided about; the dispatch compares with it."""
    bound = ruling.bound
    locks.amend(
        call,
        instance_id=bound.draft.instance.pk,
        bound_args_digest=_kept(call, bound.draft.args),
        target=bound.action.target[:240],
        action_digest=bound.digest,
        decision_id=ruling.decision.id,
        history_version=ruling.seen.version,
        estimate_micros=ruling.estimate_micros or 0,
        asked_after=_to_be_asked_after(call, ruling.decision),
    )


def _to_be_asked_after(call: ToolCall, decision: Decision) -> bool:
    """Work that writes; an undo and the platform's own messages are not weighed once more."""
    return Asked.AFTER in decision.asked and (call.kind, call.lane) == (Kind.WRITE, Lane.FORWARD)


def _kept(call: ToolCall, args: JsonObject) -> str:
    """The payload of the arguments after obligations, most often those that were proposed."""
    return call.args_digest if digest(args) == call.args_digest else payloads.put_json(args)


def _deny(call: ToolCall, ruling: Ruling, actor: Actor) -> None:
    first = next(iter(ruling.decision.reasons), None)
    code, detail = (first.code, first.message) if first else ("denied", "")
    deny(call, code=code, detail=detail, actor=actor, decision_id=ruling.decision.id, digest=ruling.bound.digest)


def _throttle(call: ToolCall, ruling: Ruling, actor: Actor) -> None:
    seconds = max(ruling.decision.retry_after_s or clocks.HOLD_RETRY_S, 1)
    waiting.hold(
        call,
        CallState.THROTTLED,
        code="throttled_by_policy",
        retry_at=clock.now() + timedelta(seconds=seconds),
        actor=actor,
    )


def _ask_people(call: ToolCall, ruling: Ruling, actor: Actor) -> None:
    if call.dry_run:
        detail = "a person would be asked first, and a dry run asks nobody"
        deny(call, code="approval_needed", detail=detail, actor=actor, decision_id=ruling.decision.id)
    elif not waiting.ask(call, ruling.bound, ruling.decision, writes_before=_writes(ruling), actor=actor):
        detail = waiting.lapsed(call) or "the approval at hand does not satisfy the policy"
        deny(call, code="approval_not_accepted", detail=detail, actor=actor, decision_id=ruling.decision.id)


def _writes(ruling: Ruling) -> int:
    return ruling.seen.past.whole.writes


def _route_unsettled(call: ToolCall, ruling: Ruling, actor: Actor) -> None:
    deny(call, code="route_unsettled", detail="the route leads back", actor=actor, decision_id=ruling.decision.id)


_EFFECTS: Mapping[Effect, Callable[[ToolCall, Ruling, Actor], None]] = MappingProxyType(
    {
        Effect.ALLOW: _allow,
        Effect.DENY: _deny,
        Effect.THROTTLE: _throttle,
        Effect.REQUIRE_HITL: _ask_people,
        Effect.REQUIRE_STEP_UP: _ask_people,
        Effect.ROUTE: _route_unsettled,
    }
)
