"""What evidence is told about a request."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from approvals.events import (
    ApprovalConsumed,
    ApprovalDecided,
    ApprovalReminded,
    ApprovalRequested,
    ApprovalVoided,
    ApprovalWithdrawn,
    VoteCast,
    VoteTakenBack,
)
from approvals.models import ApprovalRequest, Vote
from approvals.types import Stage, Tally
from controlplane.lib.events import Committed
from evidence.recording import Entry
from evidence.services import record, record_many
from tenants.actors import Actor


def tell(event: object, request: ApprovalRequest, actor: Actor) -> None:
    """Into the record of the run that asks."""
    record(event, actor=actor, workspace_id=request.workspace_id, run_id=request.run_id)


def tell_all(events: Sequence[object], request: ApprovalRequest, actor: Actor) -> None:
    """The same for several at once, in their order."""
    record_many([Entry(event, actor, request.workspace_id, request.run_id) for event in events])


def requested(request: ApprovalRequest, display: bytes) -> ApprovalRequested:
    """`display`: the exact bytes whose digest is the display digest."""
    return ApprovalRequested(
        request_id=request.pk,
        call_id=request.call_id,
        action_digest=request.action_digest,
        display_digest=request.display_digest,
        display=Committed(display),
        tier=request.tier,
        quorum=request.quorum,
        expires_at=request.expires_at,
        policy_revision=request.policy_revision,
        requester_id=request.requester_id,
        run_starter_id=request.run_starter_id,
        agent_owner_id=request.agent_owner_id,
        roles=request.roles or None,
        distinct_roles=request.distinct_roles or None,
        also_excluded=[UUID(person) for person, _ in request.also_excluded] or None,
    )


def vote_cast(request: ApprovalRequest, vote: Vote, assertion: bytes = b"") -> VoteCast:
    """`assertion`: what the voter's passkey signed, where the tier asks for that."""
    return VoteCast(
        request_id=request.pk,
        call_id=request.call_id,
        action_digest=request.action_digest,
        display_digest=request.display_digest,
        voter_id=vote.voter_id,
        verdict=vote.verdict,
        channel=vote.channel,
        method=vote.method,
        reason=Committed(vote.reason.encode(), "text/plain") if vote.reason else None,
        roles=vote.roles or None,
        right_of=vote.right_of_id,
        selection=vote.selection or None,
        step_up=vote.step_up_method or None,
        assertion=Committed(assertion) if assertion else None,
    )


def taken_back(request: ApprovalRequest, vote: Vote, reason: str) -> VoteTakenBack:
    words = Committed(reason.encode(), "text/plain")
    return VoteTakenBack(request.pk, request.call_id, request.action_digest, vote.voter_id, words)


def withdrawn(request: ApprovalRequest, reason: str) -> ApprovalWithdrawn:
    words = Committed(reason.encode(), "text/plain")
    return ApprovalWithdrawn(request.pk, request.call_id, request.action_digest, words)


def reminded(request: ApprovalRequest, stage: Stage, asked: Sequence[UUID], deadline: datetime) -> ApprovalReminded:
    return ApprovalReminded(request.pk, request.call_id, stage, list(asked), deadline)


def decided(request: ApprovalRequest, result: Tally) -> ApprovalDecided:
    return ApprovalDecided(
        request_id=request.pk,
        call_id=request.call_id,
        action_digest=request.action_digest,
        state=result.state,
        approvals=result.approvals,
        quorum=result.quorum,
    )


def consumed(request: ApprovalRequest, approvers: Sequence[UUID]) -> ApprovalConsumed:
    return ApprovalConsumed(
        request_id=request.pk,
        call_id=request.call_id,
        action_digest=request.action_digest,
        display_digest=request.display_digest,
        approvers=list(approvers),
    )


def voided(request: ApprovalRequest) -> ApprovalVoided:
    return ApprovalVoided(request_id=request.pk, call_id=request.call_id, reason=request.void_reason)
