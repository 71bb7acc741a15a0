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
    """Where the request comes from, where it goes, and what was done and spent until here (micro-USD).

    `on_behalf_of`: the owner of the agent that asks. `writes_before`: in the run and about the ticket.
    """

    requested_by: str
    on_behalf_of: str | None
    environment: str
    connector: str
    writes_before: int
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
        "on_behalf_of": origin.on_behalf_of,
        "environment": origin.environment,
        "blast_radius": blast_radius(preview, origin),
        "run_id": str(origin.run_id),
        "ticket": origin.ticket,
        "observed_at": origin.observed_at.isoformat(),
    }


def blast_radius(preview: Preview, origin: Origin) -> str:
    """How far it reaches, in a sentence: one target of one system, and what came before it."""
    fields = f"{len(preview.changes)} field{'' if len(preview.changes) == 1 else 's'} of one record"
    before = f"{origin.writes_before} write{'' if origin.writes_before == 1 else 's'} before this one"
    return (
        f"{fields} at {origin.connector}, environment {origin.environment}; {before} in the run and about the ticket."
    )


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
