"""What the approver is shown, built from the observation and the planned undo. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from connectors.types import Action, JsonObject, Preview, Reversibility, UndoRecipe


@dataclass(frozen=True, slots=True)
class Reason:
    """One line of policy: which rule asks, in its words."""

    rule: str
    message: str
    code: str


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the request comes from and what was spent until here (micro-USD)."""

    requested_by: str
    run_id: UUID
    ticket: str | None
    cost_so_far_micros: int
    observed_at: datetime


def build(
    *, action: Action, preview: Preview, undo: UndoRecipe | None, reasons: Sequence[Reason], origin: Origin
) -> JsonObject:
    """The document that `approvals` freezes; its digest is part of every vote."""
    return {
        "title": preview.title,
        "target": preview.target,
        "tool": f"{action.tool}@{action.version}",
        "changes": [
            {"field": c.field, "label": c.label, "before": c.before, "after": c.after} for c in preview.changes
        ],
        "unchanged": preview.unchanged,
        "reason": [{"rule": r.rule, "message": r.message, "code": r.code} for r in reasons],
        "undo": undo_document(action, undo),
        "risk": action.risk.value,
        "data_classes": sorted(action.data_classes),
        "cost_so_far_micros": origin.cost_so_far_micros,
        "requested_by": origin.requested_by,
        "run_id": str(origin.run_id),
        "ticket": origin.ticket,
        "observed_at": origin.observed_at.isoformat(),
    }


def recipe_document(undo: UndoRecipe | None) -> JsonObject | None:
    """The undo as it is digested and kept: the exact call and the values it insists on."""
    if undo is None:
        return None
    return {
        "tool": undo.tool,
        "args": undo.args,
        "expected": undo.expected,
        "summary": undo.summary,
        "cannot": list(undo.cannot),
    }


def undo_document(action: Action, undo: UndoRecipe | None) -> JsonObject:
    """The undo in the words that people are shown."""
    if undo is not None:
        recipe = {"tool": undo.tool, "args": undo.args}
        return {"summary": undo.summary, "recipe": recipe, "cannot": list(undo.cannot)}
    if action.reversibility is Reversibility.NOT_APPLICABLE:
        return {"summary": "Nothing is changed, so there is nothing to undo", "recipe": {}, "cannot": []}
    cannot = "No call takes this back once it is done"
    return {"summary": "This cannot be undone", "recipe": {}, "cannot": [cannot]}
