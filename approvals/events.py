from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from controlplane.lib.events import Committed, event


@event("approval.requested")
@dataclass(frozen=True)
class ApprovalRequested:
    """`display` commits to the exact bytes that people are shown, `display_digest` is their SHA-256."""

    request_id: UUID
    call_id: UUID
    action_digest: str
    display_digest: str
    display: Committed
    tier: str
    quorum: int
    expires_at: datetime
    policy_revision: str
    requester_id: UUID
    run_starter_id: UUID
    agent_owner_id: UUID | None


@event("approval.vote_cast")
@dataclass(frozen=True)
class VoteCast:
    request_id: UUID
    call_id: UUID
    action_digest: str
    display_digest: str
    voter_id: UUID
    verdict: str
    channel: str
    method: str
    reason: Committed | None


@event("approval.decided")
@dataclass(frozen=True)
class ApprovalDecided:
    """`state`: APPROVED, REJECTED or EXPIRED."""

    request_id: UUID
    call_id: UUID
    action_digest: str
    state: str
    approvals: int
    quorum: int


@event("approval.voided")
@dataclass(frozen=True)
class ApprovalVoided:
    request_id: UUID
    call_id: UUID
    reason: str


@event("approval.consumed")
@dataclass(frozen=True)
class ApprovalConsumed:
    """The one use of an approval, in the transaction that lets the call go."""

    request_id: UUID
    call_id: UUID
    action_digest: str
    display_digest: str
    approvers: list[UUID]
