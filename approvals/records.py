"""What evidence is told about a request."""

from collections.abc import Sequence
from uuid import UUID

from approvals.events import (
    ApprovalConsumed,
    ApprovalDecided,
    ApprovalRequested,
    ApprovalVoided,
    VoteCast,
)
from approvals.models import ApprovalRequest
from approvals.types import Channel, Tally, Verdict
from controlplane.lib.events import Committed
from tenants.actors import Actor


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
    )


def vote_cast(request: ApprovalRequest, actor: Actor, verdict: Verdict, reason: str, channel: Channel) -> VoteCast:
    return VoteCast(
        request_id=request.pk,
        call_id=request.call_id,
        action_digest=request.action_digest,
        display_digest=request.display_digest,
        voter_id=actor.id,
        verdict=verdict,
        channel=channel,
        method=actor.method,
        reason=Committed(reason.encode(), "text/plain") if reason else None,
    )


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
