"""What a dry run found out, as values."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from uuid import UUID

from connectors.gateway.examination import Examination
from connectors.types import Kind
from policies.types import Effect, Reason


class Would(StrEnum):
    """What would become of a step.

    `READ`, `ASKED` and `COMPUTED` were really done. `PROPOSED` would be sent as it is, `ASKS` after people said yes.
    `DENIED`, `HELD` (later) and `FAILS` would not get further. `DEPENDS`: on an output that only a real run has.
    `NOT_REACHED`: it needs a step that does not get further.
    """

    READ = "read"
    ASKED = "asked"
    COMPUTED = "computed"
    WAITS = "waits"
    STARTS = "starts"
    LOOPS = "loops"
    PROPOSED = "proposed"
    ASKS = "asks"
    DENIED = "denied"
    HELD = "held"
    FAILS = "fails"
    SKIPPED = "skipped"
    DEPENDS = "depends"
    NOT_REACHED = "not_reached"


DONE = frozenset({Would.READ, Would.ASKED, Would.COMPUTED, Would.WAITS, Would.SKIPPED})
"""Later steps may use the output."""

STOPS = frozenset({Would.DENIED, Would.HELD, Would.FAILS, Would.NOT_REACHED})
"""The run would not get past it."""

WOULD_SEND = frozenset({Would.PROPOSED, Would.ASKS})


class Verdict(StrEnum):
    """How a real run would end, as far as one can say: refused at the start, turned back on its way, waiting for
    people, through, or open (something depends on what only a real run brings)."""

    REFUSED = "refused"
    TURNS_BACK = "turns_back"
    ASKS_PEOPLE = "asks_people"
    GOES_THROUGH = "goes_through"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Scene:
    """One step of a dry run, or one item of a loop (`id[0]`), or one step of a sub-run (`step/id`)."""

    id: str
    kind: str
    tool: str
    would: Would
    code: str = ""
    detail: str = ""
    depends_on: Sequence[str] = ()
    seen: Examination | None = None

    @property
    def writes(self) -> bool:
        return self.seen is not None and self.seen.kind is Kind.WRITE


@dataclass(frozen=True, slots=True)
class Admission:
    """What the policy says about starting the run at all."""

    effect: Effect
    reasons: Sequence[Reason]
    revision: str


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """The result. `spent_micros`: what the dry run itself has cost; money in micro-USD."""

    id: UUID
    workflow: str
    version: str
    environment: str
    with_model: bool
    start: Admission
    scenes: Sequence[Scene] = field(default=())
    spent_micros: int = 0

    @property
    def verdict(self) -> Verdict:
        found = {scene.would for scene in self.scenes}
        if self.start.effect is not Effect.ALLOW:
            return Verdict.REFUSED
        if found & STOPS:
            return Verdict.TURNS_BACK
        if Would.DEPENDS in found:
            return Verdict.OPEN
        return Verdict.ASKS_PEOPLE if Would.ASKS in found else Verdict.GOES_THROUGH

    @property
    def asks(self) -> list[Scene]:
        """The approvals that would be asked for, in order."""
        return [scene for scene in self.scenes if scene.would is Would.ASKS]

    @property
    def undo(self) -> list[Scene]:
        """The writes in the order in which a failing run would take them back."""
        return [scene for scene in reversed(self.scenes) if scene.writes and scene.would in WOULD_SEND]

    @property
    def cost(self) -> "Cost":
        calls = [scene for scene in self.scenes if _is_call(scene)]
        known = [scene.seen.cost_micros for scene in calls if scene.seen and scene.seen.cost_micros is not None]
        return Cost(sum(known), len(known), len(calls))


@dataclass(frozen=True, slots=True)
class Cost:
    """An estimate over `known` of the `calls` that a real run may make; what depends has no estimate."""

    micros: int
    known: int
    calls: int


def document(found: Rehearsal) -> dict[str, Any]:
    """The result as JSON without floats."""
    return {
        "id": str(found.id),
        "workflow": found.workflow,
        "version": found.version,
        "environment": found.environment,
        "with_model": found.with_model,
        "verdict": found.verdict.value,
        "start": {"effect": found.start.effect.value, "reasons": _reasons(found.start.reasons)},
        "policy_revision": found.start.revision,
        "steps": [_scene(scene) for scene in found.scenes],
        "approvals": [{"step": scene.id, **(scene.seen.approval or {})} for scene in found.asks if scene.seen],
        "cost": {
            "micros": found.cost.micros,
            "known_calls": found.cost.known,
            "calls": found.cost.calls,
            "spent_micros": found.spent_micros,
        },
        "undo": list(_undo(found.undo)),
    }


def _is_call(scene: Scene) -> bool:
    """Also a call that depends, and so has no price yet."""
    return scene.kind == "call" and scene.would not in {Would.SKIPPED, Would.NOT_REACHED, Would.LOOPS}


def _scene(scene: Scene) -> dict[str, Any]:
    told = {"id": scene.id, "kind": scene.kind, "tool": scene.tool, "would": scene.would.value}
    why = {"code": scene.code, "detail": scene.detail, "depends_on": list(scene.depends_on)}
    return {**told, **why, **(_seen(scene.seen) if scene.seen else _UNSEEN)}


_UNSEEN: Mapping[str, Any] = {
    "effect": None,
    "target": "",
    "title": "",
    "changes": [],
    "unchanged": 0,
    "reasons": [],
    "obligations": [],
    "approval": None,
    "cost_micros": None,
}


def _seen(seen: Examination) -> dict[str, Any]:
    preview = seen.preview
    changes = preview.changes if preview else ()
    return {
        "effect": seen.effect.value if seen.effect else None,
        "title": preview.title if preview else "",
        "target": preview.target if preview else "",
        "changes": [{"field": c.field, "label": c.label, "before": c.before, "after": c.after} for c in changes],
        "unchanged": preview.unchanged if preview else 0,
        "reasons": _reasons(seen.reasons),
        "obligations": [dict(obligation) for obligation in seen.obligations],
        "approval": seen.approval,
        "cost_micros": seen.cost_micros,
    }


def _reasons(reasons: Sequence[Reason]) -> list[dict[str, str]]:
    return [
        {"effect": reason.effect.value, "code": reason.code, "rule": reason.rule, "message": reason.message}
        for reason in reasons
    ]


def _undo(scenes: Sequence[Scene]) -> Iterator[dict[str, Any]]:
    for scene in scenes:
        undo = scene.seen.undo if scene.seen else {}
        yield {"step": scene.id, "summary": undo.get("summary", ""), "cannot": list(undo.get("cannot", []))}
