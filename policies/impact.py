"""What another policy would have decided: recorded decisions weighed again, counted and explained. Pure.

Every decision is first decided again under the bundle that made it. One that does not come out as recorded says
nothing about the candidate: it is counted as not covered, never guessed.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from controlplane.lib.canonical import digest
from policies.types import Effect, Verdict

MOST_EXAMPLES = 200
GRAVE = frozenset({"high", "critical"})
_STRICTNESS = {effect: rank for rank, effect in enumerate(reversed(Effect))}


class Shift(StrEnum):
    """How the candidate differs on one decision. `OBLIGATIONS`: the same effect on other terms."""

    SAME = "same"
    LOOSENED = "loosened"
    TIGHTENED = "tightened"
    OBLIGATIONS = "obligations"
    FAILED = "failed"


class Gap(StrEnum):
    """Why a decision says nothing about the candidate."""

    NO_POLICY = "no_policy_decided"
    NO_BUNDLE = "bundle_not_kept"
    EXPIRED = "content_expired"
    NOT_REPRODUCED = "not_reproduced"


@dataclass(frozen=True, slots=True)
class Past:
    """A decision as it stands in the record: what about, and what came out. `reasons` are `rule: code`."""

    id: str
    tool: str
    workflow: str
    risk: str
    effect: Effect
    reasons: frozenset[str]
    terms: str

    def agrees(self, verdict: Verdict) -> bool:
        return (self.effect, self.reasons, self.terms) == (verdict.effect, reasons_of(verdict), terms_of(verdict))

    def now(self, verdict: Verdict | None) -> "Past":
        """The same question as another policy answers it; without an answer it is denied."""
        answer = verdict or Verdict.denied("no_answer", "")
        return replace(self, effect=answer.effect, reasons=reasons_of(answer), terms=terms_of(answer))


def reasons_of(verdict: Verdict) -> frozenset[str]:
    return frozenset(f"{reason.rule}: {reason.code}" for reason in verdict.reasons)


def terms_of(verdict: Verdict) -> str:
    """A digest of everything besides effect and reasons that the gateway obeys."""
    return terms(verdict.obligations, verdict.route, verdict.retry_after_s)


def terms(obligations: Any, route: Any, retry_after_s: int) -> str:
    ordered = sorted((dict(item) for item in obligations), key=digest)
    return digest({"obligations": ordered, "route": list(route), "retry_after_s": retry_after_s})


def shift_of(past: Past, verdict: Verdict | None) -> Shift:
    """None: the candidate gave no answer that may be trusted, which the gateway takes for a DENY."""
    if verdict is None:
        return Shift.FAILED
    if verdict.effect is not past.effect:
        looser = _STRICTNESS[verdict.effect] < _STRICTNESS[past.effect]
        return Shift.LOOSENED if looser else Shift.TIGHTENED
    return Shift.SAME if terms_of(verdict) == past.terms else Shift.OBLIGATIONS


@dataclass
class Impact:
    """Counts as they come in; `report` is the document that is kept, shown and approved."""

    not_covered: Counter[Gap] = field(default_factory=Counter)
    shifts: Counter[Shift] = field(default_factory=Counter)
    matrix: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    tools: dict[str, Counter[Shift]] = field(default_factory=lambda: defaultdict(Counter))
    moved: Counter[tuple[str, str]] = field(default_factory=Counter)
    loosened_grave: int = 0
    terms_grave: int = 0
    today: Counter[str] = field(default_factory=Counter)
    examples: list[dict[str, Any]] = field(default_factory=list)
    covered: int = 0

    @classmethod
    def resumed(cls, report: Mapping[str, Any]) -> "Impact":
        """The counts of a report, to go on from."""
        if not report:
            return cls()
        graves = {"loosened_grave": report["loosened_high_risk"], "terms_grave": report.get("terms_high_risk", 0)}
        made = cls(covered=report["covered"], **graves)
        made.today.update(report.get("against_standing", {}))
        made.not_covered.update({Gap(gap): count for gap, count in report["not_covered"].items()})
        made.shifts.update({shift: report[shift.value] for shift in Shift})
        for before, after in report["matrix"].items():
            made.matrix[before].update(after)
        for tool, counts in report["tools"].items():
            made.tools[tool].update({Shift(shift): count for shift, count in counts.items()})
        made.moved.update({(entry["change"], entry["rule"]): entry["decisions"] for entry in report["rules"]})
        made.examples.extend(report["examples"])
        return made

    def leave_out(self, gap: Gap) -> None:
        self.not_covered[gap] += 1

    def weigh(self, past: Past, verdict: Verdict | None) -> None:
        """Count one decision that was reproduced."""
        shift = shift_of(past, verdict)
        self.covered += 1
        self.shifts[shift] += 1
        self.matrix[past.effect][_name(verdict)] += 1
        if shift is Shift.SAME:
            return
        self.tools[past.tool or past.workflow][shift] += 1
        self.loosened_grave += int(shift is Shift.LOOSENED and past.risk in GRAVE)
        self.terms_grave += int(shift is Shift.OBLIGATIONS and past.risk in GRAVE)
        self._explain(past, verdict, shift)

    def weigh_against(self, today: Past, verdict: Verdict | None) -> None:
        """Count how a decision differs from what is active now, whoever decided it then."""
        shift = shift_of(today, verdict)
        grave = {Shift.LOOSENED: "loosened_high_risk", Shift.OBLIGATIONS: "terms_high_risk"}.get(shift, "")
        self.today.update(["decisions", shift.value, *([grave] if grave and today.risk in GRAVE else [])])

    def _explain(self, past: Past, verdict: Verdict | None, shift: Shift) -> None:
        now = reasons_of(verdict) if verdict else frozenset()
        gained, lost = sorted(now - past.reasons), sorted(past.reasons - now)
        self.moved.update([*(("gained", rule) for rule in gained), *(("lost", rule) for rule in lost)])
        if len(self.examples) < MOST_EXAMPLES:
            told = {"decision": past.id, "tool": past.tool, "workflow": past.workflow, "risk": past.risk}
            move = {"shift": shift.value, "before": past.effect.value, "after": _name(verdict)}
            self.examples.append({**told, **move, "gained": gained, "lost": lost})

    def report(self) -> dict[str, Any]:
        """JSON without floats. `not_covered` by cause; `rules` that came or went, most moved first;
        `against_standing`: the same counts against what is active now instead of what was recorded."""
        left_out = sum(self.not_covered.values())
        return {
            "decisions": self.covered + left_out,
            "covered": self.covered,
            "not_covered": _named(self.not_covered),
            **{shift.value: self.shifts[shift] for shift in Shift},
            "loosened_high_risk": self.loosened_grave,
            "terms_high_risk": self.terms_grave,
            "against_standing": dict(sorted(self.today.items())),
            "matrix": {before: dict(sorted(after.items())) for before, after in sorted(self.matrix.items())},
            "tools": {tool: _named(counts) for tool, counts in sorted(self.tools.items())},
            "rules": [
                {"rule": rule, "change": change, "decisions": n} for (change, rule), n in self.moved.most_common()
            ],
            "examples": self.examples,
        }


def _name(verdict: Verdict | None) -> str:
    return verdict.effect.value if verdict else "FAILED"


def _named(counts: Mapping[Any, int]) -> dict[str, int]:
    return {key.value: count for key, count in sorted(counts.items())}
