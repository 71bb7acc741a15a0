"""What the policy room writes into evidence."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from controlplane.lib.events import Committed, event


@event("policy.decided")
@dataclass(frozen=True)
class PolicyDecided:
    """`input`: the whole question, committed to. Without a usable bundle `seq` is 0.

    `reasons`: effect, code and rule of at most twenty, `observed` likewise of rules that are only observed;
    `decision_digest` is that of the whole verdict as recorded. `phase` `after`: about what had happened already.
    """

    decision_id: UUID
    environment_id: UUID
    call_id: UUID | None
    action: str
    tool: str
    effect: str
    reasons: list[dict[str, str]]
    obligations: list[str]
    revision: str
    seq: int
    bundle_sha256: str
    duration_us: int
    decision_digest: str
    input: Committed | None
    phase: str = "before"
    observed: list[dict[str, str]] = field(default_factory=list)


@event("policy.activated")
@dataclass(frozen=True)
class PolicyActivated:
    """`packs`: what the bundle consists of, each with number and digest.

    `ground`: why it may stand: `first` of its environment, `approved` as the draft `draft_id` by `approvers`, or
    `restored` from the activation before it because that loosens nothing.
    """

    activation_id: UUID
    environment_id: UUID
    seq: int
    revision: str
    bundle_sha256: str
    packs: list[dict[str, Any]]
    author_id: UUID
    reason: str
    ground: str = "first"
    draft_id: UUID | None = None
    approvers: list[str] = field(default_factory=list)


@event("policy.simulation_requested")
@dataclass(frozen=True)
class SimulationRequested:
    """A candidate is weighed on recorded decisions. `candidate_digest` is that of the packs' texts."""

    simulation_id: UUID
    environment_id: UUID
    candidate_digest: str


@event("policy.simulated")
@dataclass(frozen=True)
class PolicySimulated:
    """`report_digest` is that of the whole report; the counts are its most important ones."""

    simulation_id: UUID
    environment_id: UUID
    candidate_digest: str
    state: str
    decisions: int
    covered: int
    loosened: int
    loosened_high_risk: int
    tightened: int
    report_digest: str


@event("policy.decision_traced")
@dataclass(frozen=True)
class DecisionTraced:
    """Somebody had a recorded input decided again to see every step of it: a read of its content."""

    decision_id: UUID
    environment_id: UUID
    bundle_sha256: str


@event("policy.draft_saved")
@dataclass(frozen=True)
class DraftSaved:
    """A text as somebody wants it to be. `pack_digest`: of source, configuration, tests and cases together."""

    draft_id: UUID
    environment_id: UUID
    pack: str
    version: str
    revision: int
    base_seq: int
    pack_digest: str
    kind: str


@event("policy.draft_checked")
@dataclass(frozen=True)
class DraftChecked:
    """`report_digest` is that of the whole report; `findings` are counted."""

    draft_id: UUID
    revision: int
    clean: bool
    findings: int
    coverage_percent: int
    bump: str
    bundle_revision: str
    report_digest: str


@event("policy.draft_proposed")
@dataclass(frozen=True)
class DraftProposed:
    """`digest` covers every text, what it is based on, and the simulation that people will see. `quorum`: how many
    others must say yes, `rules`: why so many."""

    draft_id: UUID
    proposal: int
    digest: str
    quorum: int
    rules: list[str]
    reason: str


@event("policy.draft_voted")
@dataclass(frozen=True)
class DraftVoted:
    """One person's word on exactly that digest; `state` is that of the draft afterwards."""

    draft_id: UUID
    proposal: int
    digest: str
    approve: bool
    state: str
    reason: str


@event("policy.draft_withdrawn")
@dataclass(frozen=True)
class DraftWithdrawn:
    draft_id: UUID
    revision: int
