"""Using an approval: once, for the call and digest it was given for, while those who gave it still could."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Q

from approvals import powers, records
from approvals.errors import ApprovalUnusable
from approvals.models import ApprovalRequest, Vote
from approvals.quorum import met
from approvals.rights import needed
from approvals.settling import yes
from approvals.types import State
from controlplane.lib import clock
from tenants.actors import Actor
from tenants.models import Membership

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LAPSED = "Those who said yes may no longer decide this: {people}."


def consume(*, request_id: UUID, call_id: UUID, action_digest: str, actor: Actor) -> None:
    """Use an approval for the one call and digest it was given for; raises ApprovalUnusable otherwise.

    Part of the dispatch transaction. One conditional UPDATE: of any number of racing calls one gets it. Whoever said
    yes must still be allowed to, now.
    """
    usable = ApprovalRequest.objects.filter(
        pk=request_id, call_id=call_id, action_digest=action_digest, state=State.APPROVED
    )
    if not usable.update(state=State.CONSUMED, consumed_at=clock.now()):
        raise ApprovalUnusable
    request = ApprovalRequest.objects.get(pk=request_id)
    given = list(yes(request_id))
    _require_standing(request, given)
    records.tell(records.consumed(request, [vote.voter_id for vote in given]), request, actor)


def approvals_for(request_id: UUID, *, used_by: UUID | None = None) -> list[dict[str, Any]]:
    """What the policy is told of an approval that can be used; [] for one that cannot. `votes`: each yes with the
    roles that went with the right that it used. `reasoned`: everybody who said yes said why.

    `used_by`: the call that consumed it and is decided again for another attempt of the same action.
    """
    usable = Q(state=State.APPROVED) | Q(state=State.CONSUMED, call_id=used_by)
    request = ApprovalRequest.objects.filter(usable, pk=request_id).first()
    if request is None or request.decided_at is None:
        return []
    given = list(yes(request.pk))
    if lapsed(request, given):
        return []
    return [
        {
            "request_id": str(request.pk),
            "action_digest": request.action_digest,
            "approvers": [str(vote.voter_id) for vote in given],
            "votes": [{"person": str(vote.voter_id), "roles": vote.roles} for vote in given],
            "reasoned": all(vote.reason for vote in given),
            "tier": request.tier,
            "decided_at_ns": (request.decided_at - _EPOCH) // timedelta(microseconds=1) * 1000,
        }
    ]


def lapsed(request: ApprovalRequest, given: Sequence[Vote] | None = None) -> str:
    """Why the yes of these people is no longer enough, as a sentence; "" while it is."""
    given = list(yes(request.pk)) if given is None else given
    may = powers.holders(request, needed(request), {vote.right_of_id or vote.voter_id for vote in given})
    here = _members(request, {vote.voter_id for vote in given})
    stand = [vote for vote in given if (vote.right_of_id or vote.voter_id) in may and vote.voter_id in here]
    if met(request.rules, [frozenset(vote.roles) for vote in stand]):
        return ""
    gone = sorted({vote.voter_label for vote in given if vote not in stand})
    return LAPSED.format(people=", ".join(gone) or "nobody is left")


def _require_standing(request: ApprovalRequest, given: Sequence[Vote]) -> None:
    reason = lapsed(request, given)
    if reason:
        raise ApprovalUnusable(reason)


def _members(request: ApprovalRequest, people: set[UUID]) -> set[UUID]:
    rows = Membership.objects.filter(user_id__in=people, user__is_active=True, workspace_id=request.workspace_id)
    return set(rows.values_list("user_id", flat=True))
