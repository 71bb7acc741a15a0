from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from controlplane.lib.events import Committed, event


@event("approval.requested")
@dataclass(frozen=True)
class ApprovalRequested:
    """`display` commits to the exact bytes that people are shown, `display_digest` is their SHA-256.

    `roles`: places to be filled by different people. `also_excluded`: people who stand behind those who asked.
    """

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
    roles: list[str] | None = None
    distinct_roles: bool | None = None
    also_excluded: list[UUID] | None = None


@event("approval.vote_cast")
@dataclass(frozen=True)
class VoteCast:
    """`right_of`: whose right was used, where the voter stood in for somebody. `selection`: SHA-256 of the frozen list
    of requests and digests that it was one of. `step_up`: how the voter proved to be there; `assertion` commits to
    what their passkey signed, the action digest being its challenge.
    """

    request_id: UUID
    call_id: UUID
    action_digest: str
    display_digest: str
    voter_id: UUID
    verdict: str
    channel: str
    method: str
    reason: Committed | None
    roles: list[str] | None = None
    right_of: UUID | None = None
    selection: str | None = None
    step_up: str | None = None
    assertion: Committed | None = None


@event("approval.vote_taken_back")
@dataclass(frozen=True)
class VoteTakenBack:
    request_id: UUID
    call_id: UUID
    action_digest: str
    voter_id: UUID
    reason: Committed


@event("approval.withdrawn")
@dataclass(frozen=True)
class ApprovalWithdrawn:
    """Whoever is behind the question, or an operator, does not want it answered any more."""

    request_id: UUID
    call_id: UUID
    action_digest: str
    reason: Committed


@event("approval.reminded")
@dataclass(frozen=True)
class ApprovalReminded:
    """`stage`: reminder or escalation. `asked`: those who could decide then."""

    request_id: UUID
    call_id: UUID
    stage: str
    asked: list[UUID]
    expires_at: datetime


@event("approval.delegated")
@dataclass(frozen=True)
class ApprovalDelegated:
    delegation_id: UUID
    workspace_id: UUID
    principal_id: UUID
    stand_in_id: UUID
    starts_at: datetime
    ends_at: datetime
    reason: Committed


@event("approval.delegation_ended")
@dataclass(frozen=True)
class DelegationEnded:
    delegation_id: UUID
    workspace_id: UUID
    principal_id: UUID
    stand_in_id: UUID


@event("approval.decided")
@dataclass(frozen=True)
class ApprovalDecided:
    """`state`: APPROVED, REJECTED or EXPIRED. A yes that is taken back after the quorum makes an approval REJECTED."""

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
