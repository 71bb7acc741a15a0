"""Value types of policy. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from controlplane.lib.canonical import digest


class Effect(StrEnum):
    """What a decision says, strictest first: the order is the precedence."""

    DENY = "DENY"
    THROTTLE = "THROTTLE"
    REQUIRE_STEP_UP = "REQUIRE_STEP_UP"
    REQUIRE_HITL = "REQUIRE_HITL"
    ROUTE = "ROUTE"
    ALLOW = "ALLOW"


class Phase(StrEnum):
    """When the policy is asked: may this happen, or what of what has happened."""

    BEFORE = "before"
    AFTER = "after"


class Asked(StrEnum):
    """What a bundle has rules for beyond calls and starts; it is asked about these only where it has."""

    AFTER = "after"
    STEPS = "steps"


class DraftState(StrEnum):
    """`CHECKED`: nothing to change was found; `REFUSED`: something was. `REJECTED`: by a vote.

    Only DRAFT, CHECKED, REFUSED and REJECTED may be edited; an edit makes any of them a DRAFT again.
    """

    DRAFT = "DRAFT"
    CHECKED = "CHECKED"
    REFUSED = "REFUSED"
    PROPOSED = "PROPOSED"
    APPROVED = "APPROVED"
    REJECTED = "REJECTED"
    WITHDRAWN = "WITHDRAWN"
    ACTIVE = "ACTIVE"


class SimulationState(StrEnum):
    """`REFUSED`: the candidate itself does not pass the checks of publishing."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    DONE = "DONE"
    REFUSED = "REFUSED"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why: the finding of one rule, in words a person may read."""

    effect: Effect
    code: str
    rule: str
    message: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """A checked answer of a decision point, or a refusal in its place. `retry_after_s` is 0 when there is no wait.

    `observed`: what rules found that are only observed; it has no part in the effect.
    """

    effect: Effect
    reasons: tuple[Reason, ...]
    obligations: tuple[dict[str, Any], ...] = ()
    route: tuple[str, ...] = ()
    retry_after_s: int = 0
    observed: tuple[Reason, ...] = ()

    @classmethod
    def denied(cls, code: str, message: str) -> "Verdict":
        return cls(Effect.DENY, (Reason(Effect.DENY, code, "interlock.pep", message),))


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict as recorded: which bundle said it and when.

    Without a usable bundle `revision` and `bundle_sha256` are empty and `seq` is 0; the effect is then DENY.
    `asked`: what else this bundle wants to be asked about.
    """

    id: UUID
    effect: Effect
    reasons: list[Reason]
    obligations: list[dict[str, Any]]
    route: list[str]
    retry_after_s: int
    revision: str
    seq: int
    bundle_sha256: str
    decided_at: datetime
    observed: list[Reason] = field(default_factory=list)
    asked: frozenset[Asked] = frozenset()


@dataclass(frozen=True, slots=True)
class PackSource:
    """One pack as its author wrote it: Rego in package `interlock.packs.<name>`, its configuration, its tests.

    `data["enforcement"]` may set rules of the pack, by their ids, to `observe` or `enforce`.
    `data` is read by the pack as `data.interlock.config.<name>`; `tests` is Rego in `interlock.tests.<name>`;
    `golden` are documents with the effect expected of them (`policies.golden`); `version` is SemVer, "" before any.
    """

    source: str
    data: Mapping[str, Any] = field(default_factory=dict)
    tests: str = ""
    golden: Sequence[Mapping[str, Any]] = ()
    version: str = ""

    @property
    def digest(self) -> str:
        """Of everything its author wrote; what is left out leaves the digest as it was."""
        more = {"golden": [dict(case) for case in self.golden], "version": self.version}
        said = {"source": self.source, "data": dict(self.data), "tests": self.tests}
        return digest({**said, **{name: value for name, value in more.items() if value}})
