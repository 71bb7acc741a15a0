"""Who may decide a request. The one place that says so; every page, card and verb asks here."""

from collections.abc import Collection

from approvals.models import ApprovalRequest
from approvals.types import State
from tenants.actors import Actor
from tenants.permissions import Perm, held

_DECIDED = {
    State.APPROVED: "It is already approved.",
    State.REJECTED: "It is already rejected.",
    State.EXPIRED: "The time to decide it has run out.",
    State.VOIDED: "It is no longer asked.",
    State.CONSUMED: "It is approved and carried out.",
}


def may_vote(actor: Actor, request: ApprovalRequest) -> tuple[bool, str]:
    """Whether the actor may decide this request now, and if not, why, in one sentence for that person.

    A fresh second factor, where the request needs one, is a matter of the vote and not of the right to it.
    """
    reason = why_not(actor, request, held(actor, request.workspace_id))
    return not reason, reason


def why_not(actor: Actor, request: ApprovalRequest, perms: Collection[Perm]) -> str:
    """The same from permissions that are known already: "" means that the actor may vote."""
    return not_eligible(actor, request, perms) or not_open(actor, request)


def not_eligible(actor: Actor, request: ApprovalRequest, perms: Collection[Perm]) -> str:
    """Why this actor could never decide this request; "" if they could."""
    if not actor.is_person:
        return "Only people decide."
    if actor.id in request.excluded:
        return f"You {request.excluded[actor.id]}, so somebody else must decide."
    needed = Perm.APPROVE_HIGH if request.high else Perm.APPROVE
    if needed not in perms:
        return f"You need the permission “{needed.label}” in this workspace; an administrator can give it."
    return ""


def not_open(actor: Actor, request: ApprovalRequest) -> str:
    """Why nobody, or not this actor, can vote on it any more; "" if they can."""
    decided = _DECIDED.get(State(request.state), "")
    if decided:
        return decided
    if any(vote.voter_id == actor.id for vote in request.votes.all()):
        return "You have voted already; it waits for somebody else."
    return ""
