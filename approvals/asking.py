"""Asking people about exactly one action, and taking the question back. Parts of the gateway's transactions."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction

from approvals import behind, locks, nudges, records
from approvals.models import ApprovalRequest
from approvals.settling import move
from approvals.types import RULES, State, Tier
from controlplane.lib import clock
from controlplane.lib.canonical import canonical
from tenants import payloads
from tenants.actors import Actor

GRAVE = frozenset({"high", "critical"})
"""Risks at which nobody says yes without saying why, and nobody alone unless policy says so."""


@transaction.atomic
def open_request(
    *,
    call_id: UUID,
    run_id: UUID,
    workspace_id: UUID,
    environment_id: UUID | None = None,
    action_digest: str,
    display: Mapping[str, Any],
    tier: Tier | str,
    requester_id: UUID,
    run_starter_id: UUID,
    agent_owner_id: UUID | None,
    ticket: str | None,
    expires_in_s: int,
    policy_revision: str,
    reasons: Sequence[Mapping[str, Any]],
    actor: Actor,
    halt_scopes: Sequence[tuple[str, str]] = (),
    quorum: int | None = None,
    roles: Sequence[str] = (),
    distinct_roles: bool = False,
    reason_required: bool = False,
) -> ApprovalRequest:
    """Ask people; the same call with the same digest asks once and gets the same request back.

    Asking for another digest takes the earlier question of that call back: what was said about it is void.
    `halt_scopes`: (kind, value) of halts that make the deadline stand still; those of the whole tenant do.
    `quorum`: how many people at least, where the tier asks for fewer; None where nobody named a number. `roles`: places
    that different people of these roles fill; `distinct_roles`: no two by the same role. `reason_required`: a yes says
    why, too, as it always does for a high tier or risk.
    """
    known = ApprovalRequest.objects.filter(call_id=call_id, action_digest=action_digest).first()
    if known is not None:
        return known
    _supersede(call_id, actor=actor)
    rules = RULES[Tier(tier)]
    request = ApprovalRequest.objects.create(
        **_shown(display),
        **_until(expires_in_s),
        tier=Tier(tier),
        quorum=max(rules.quorum, usual_quorum(display["risk"]) if quorum is None else quorum, len(roles)),
        high=rules.high,
        step_up=rules.step_up,
        roles=sorted(roles),
        distinct_roles=distinct_roles,
        reason_required=reason_required or rules.high or display["risk"] in GRAVE,
        call_id=call_id,
        run_id=run_id,
        workspace_id=workspace_id,
        environment_id=environment_id,
        ticket=ticket or "",
        action_digest=action_digest,
        policy_revision=policy_revision,
        reasons=list(reasons),
        requester_id=requester_id,
        run_starter_id=run_starter_id,
        agent_owner_id=agent_owner_id,
        also_excluded=behind.people((requester_id, run_starter_id, agent_owner_id)),
        halt_scopes=[list(one) for one in halt_scopes],
    )
    records.tell(records.requested(request, canonical(display)), request, actor)
    return request


def usual_quorum(risk: str) -> int:
    """How many people it takes where policy names no number: two at a grave risk."""
    return 2 if risk in GRAVE else 1


def void(*, request_id: UUID, reason: str, actor: Actor) -> None:
    """Take the question back: what it was about will not be done. Nothing to do if it is used or closed."""
    request = locks.request(request_id)
    if request.state not in (State.PENDING, State.APPROVED):
        return
    request.void_reason = reason[:200]
    move(request, State.VOIDED, void_reason=request.void_reason)
    records.tell(records.voided(request), request, actor)


def _shown(display: Mapping[str, Any]) -> dict[str, str]:
    """Freezes what people are shown; the row keeps its digest and what a list needs."""
    return {
        "display_digest": payloads.put_json(display),
        "title": str(display["title"])[:200],
        "tool": str(display["tool"]),
        "risk": str(display["risk"]),
    }


def _until(expires_in_s: int) -> dict[str, datetime]:
    now = clock.now()
    deadline = now + timedelta(seconds=expires_in_s)
    due_at = nudges.next_look(now, deadline - now, deadline, ())
    return {"opened_at": now, "expires_at": deadline, "due_at": due_at}


def _supersede(call_id: UUID, *, actor: Actor) -> None:
    open_states = (State.PENDING, State.APPROVED)
    earlier = ApprovalRequest.objects.filter(call_id=call_id, state__in=open_states).order_by("id")
    for pk in earlier.values_list("pk", flat=True):
        void(request_id=pk, reason="superseded: the action has changed", actor=actor)
