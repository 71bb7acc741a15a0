"""Who may decide a request. The one place that says so; every page, card and verb asks here."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from approvals import powers
from approvals.models import ApprovalRequest, Vote
from approvals.powers import Powers
from approvals.types import State
from tenants.actors import Actor
from tenants.permissions import Perm

_DECIDED = {
    State.APPROVED: "It is already approved.",
    State.REJECTED: "It is already rejected.",
    State.EXPIRED: "The time to decide it has run out.",
    State.VOIDED: "It is no longer asked.",
    State.WITHDRAWN: "It was withdrawn.",
    State.CONSUMED: "It is approved and carried out.",
}
VISITING = "break_glass"
"""How an operator of the platform is let in for a time. To look and to repair, never to decide."""


@dataclass(frozen=True, slots=True)
class Right:
    """Whose right a vote uses: the voter's own (None), or that of somebody they stand in for."""

    of_id: UUID | None = None
    of_label: str = ""


OWN = Right()


def may_vote(actor: Actor, request: ApprovalRequest) -> tuple[bool, str]:
    """Whether the actor may decide this request now, and if not, why, in one sentence for that person.

    A fresh second factor, where the request needs one, is a matter of the vote and not of the right to it.
    """
    reason = why_not(powers.in_workspace(actor, request.workspace_id), request, list(request.votes.all()))
    return not reason, reason


def why_not(mine: Powers, request: ApprovalRequest, votes: Sequence[Vote]) -> str:
    """The same from powers and votes that are known already: "" means that the actor may vote."""
    return not_eligible(mine, request) or not_open(mine, request, votes)


def needed(request: ApprovalRequest) -> Perm:
    return Perm.APPROVE_HIGH if request.high else Perm.APPROVE


def not_eligible(mine: Powers, request: ApprovalRequest) -> str:
    """Why this actor could never decide this request; "" if they could."""
    if not mine.actor.is_person:
        return "Only people decide."
    if mine.actor.method == VISITING:
        return "Operators of the platform who are let in for a time decide nothing."
    if mine.actor.id in request.excluded:
        return f"You {request.excluded[mine.actor.id]}, so somebody else must decide."
    return "" if _rights(mine, request) else _missing(mine, request)


def not_open(mine: Powers, request: ApprovalRequest, votes: Sequence[Vote]) -> str:
    """Why nobody, or not this actor, can vote on it any more; "" if they can."""
    decided = _DECIDED.get(State(request.state), "")
    if decided:
        return decided
    if any(vote.voter_id == mine.actor.id for vote in votes):
        return "You have voted already; it waits for somebody else."
    rights = _rights(mine, request)
    if rights and not _unused(mine, rights, votes):
        return "The right that you would use has been used already; it waits for somebody else."
    return ""


def used_by(mine: Powers, request: ApprovalRequest, votes: Sequence[Vote]) -> Right:
    """The right that a vote of this actor uses; their own first. Ask `why_not` before."""
    return _unused(mine, _rights(mine, request), votes)[0]


def _rights(mine: Powers, request: ApprovalRequest) -> list[Right]:
    """Whoever may not decide it themselves cannot have it decided in their place either."""
    perm = needed(request)
    own = [OWN] if perm in mine.here(request) else []
    lent = [
        Right(one.principal_id, one.label)
        for one in mine.lent.get(request.workspace_id, ())
        if perm in powers.within(one.perms, request) and one.principal_id not in request.excluded
    ]
    return own + lent


def _unused(mine: Powers, rights: Collection[Right], votes: Sequence[Vote]) -> list[Right]:
    used = {person for vote in votes for person in (vote.voter_id, vote.right_of_id)}
    return [right for right in rights if (right.of_id or mine.actor.id) not in used]


def _missing(mine: Powers, request: ApprovalRequest) -> str:
    for one in mine.lent.get(request.workspace_id, ()):
        if one.principal_id in request.excluded:
            why = request.excluded[one.principal_id]
            return f"{one.label}, for whom you stand in, {why.replace('own ', 'owns ')}, so somebody else must decide."
    return f"You need the permission “{needed(request).label}” here; an administrator can give it."
