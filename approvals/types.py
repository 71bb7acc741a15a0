"""Value types of approvals. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import TypedDict
from uuid import UUID


class State(StrEnum):
    PENDING = "PENDING"
    APPROVED = "APPROVED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"
    VOIDED = "VOIDED"
    WITHDRAWN = "WITHDRAWN"
    CONSUMED = "CONSUMED"


class Verdict(StrEnum):
    APPROVE = "approve"
    REJECT = "reject"


class Channel(StrEnum):
    """The path a vote came by. Every path ends in the same verb."""

    CONSOLE = "console"
    SLACK = "slack"
    API = "api"


class Stage(StrEnum):
    """What people hear while a request waits."""

    REMINDER = "reminder"
    ESCALATION = "escalation"


class Tier(StrEnum):
    """How much assurance a policy asks for; the rules of each are in `RULES`."""

    STANDARD = "standard"
    TWO_PERSON = "two_person"
    HIGH = "high"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class Rules:
    """Snapshot of what a request needs. `high`: voters need the permission for high tiers.

    `step_up`: a yes needs a fresh second factor and the web console. One no always decides. `roles`: places to be
    filled by different people who each hold that role (a role may stand there twice). `distinct_among`: where it is not
    empty, as many people as the quorum asks for, each by another of these roles.
    """

    quorum: int
    high: bool
    step_up: bool
    roles: tuple[str, ...] = ()
    distinct_among: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.quorum < max(1, len(self.roles)):
            raise ValueError("a quorum of nobody would approve itself, and every place needs a person")


RULES: Mapping[Tier, Rules] = MappingProxyType(
    {
        Tier.STANDARD: Rules(quorum=1, high=False, step_up=False),
        Tier.TWO_PERSON: Rules(quorum=2, high=False, step_up=False),
        Tier.HIGH: Rules(quorum=1, high=True, step_up=True),
        Tier.CRITICAL: Rules(quorum=2, high=True, step_up=True),
    }
)


@dataclass(frozen=True, slots=True)
class Ballot:
    """One vote as the tally sees it. `right_of`: whose right was used, where the voter stands in for somebody."""

    voter_id: UUID
    verdict: Verdict
    cast_at: datetime
    roles: frozenset[str] = frozenset()
    right_of: UUID | None = None


@dataclass(frozen=True, slots=True)
class Tally:
    """Where a request stands: `state` PENDING, APPROVED, REJECTED or EXPIRED, and the count of yes votes."""

    state: State
    approvals: int
    quorum: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a vote did, and which call and run it concerns."""

    request_id: UUID
    call_id: UUID
    run_id: UUID
    state: State
    approvals: int
    quorum: int


class DisplayChange(TypedDict):
    """One line of the diff: `before`/`after` as the person reads them."""

    field: str
    label: str
    before: str
    after: str


class DisplayReason(TypedDict):
    """Why a person is asked: the policy's rule and words."""

    rule: str
    message: str
    code: str


class DisplayUndo(TypedDict):
    """The exact inverse, and in words what it cannot take back."""

    summary: str
    recipe: dict[str, object]
    cannot: list[str]


class Display(TypedDict):
    """What the approver is shown, frozen with the request; its digest is bound by every vote.

    `cost_so_far_micros`: micro-USD; `unchanged`: fields read that stay; `blast_radius`: a sentence on what it reaches;
    times are RFC 3339 UTC.
    """

    title: str
    target: str
    tool: str
    changes: list[DisplayChange]
    unchanged: int
    reason: list[DisplayReason]
    undo: DisplayUndo
    risk: str
    data_classes: list[str]
    cost_so_far_micros: int
    requested_by: str
    on_behalf_of: str | None
    environment: str
    blast_radius: str
    run_id: str
    ticket: str | None
    observed_at: str
