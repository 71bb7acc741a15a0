"""Those behind a question may take it back. A no of theirs would be a vote on their own."""

from uuid import UUID

from django.db import transaction

from approvals import locks, records
from approvals.errors import MayNotWithdraw, NotWithdrawable, ReasonNeeded, RequestNotFound
from approvals.models import ApprovalRequest
from approvals.settling import move, outcome, tell_run, yes
from approvals.types import Outcome, State
from tenants.actors import Actor
from tenants.permissions import Perm, held

_OPEN = (State.PENDING, State.APPROVED)


@transaction.atomic(durable=True)
def withdraw(*, request_id: UUID, actor: Actor, reason: str) -> Outcome:
    """Nobody decides it any more, and a yes that was not used cannot be. Nothing is sent; the run is told.

    For whoever asked, started the run or owns the agent, and for those who operate where it was to be done. Raises
    RequestNotFound for strangers, MayNotWithdraw, NotWithdrawable when it is used or closed, ReasonNeeded.
    """
    request = locks.request(request_id)
    _check(request, actor)
    words = reason.strip()[:200]
    if not words:
        raise ReasonNeeded
    if request.state not in _OPEN:
        raise NotWithdrawable(state=request.state)
    move(request, State.WITHDRAWN, void_reason=words)
    records.tell(records.withdrawn(request, words), request, actor)
    tell_run(request)
    return outcome(request, yes(request.pk).count())


def may_withdraw(request: ApprovalRequest, actor: Actor, perms: frozenset[Perm]) -> bool:
    concerned = actor.id in request.excluded or Perm.OPERATE in perms
    return concerned and request.state in _OPEN


def _check(request: ApprovalRequest, actor: Actor) -> None:
    perms = held(actor, request.workspace_id, request.environment_id)
    if Perm.VIEW not in perms:
        raise RequestNotFound
    if actor.id not in request.excluded and Perm.OPERATE not in perms:
        raise MayNotWithdraw
