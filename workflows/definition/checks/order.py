"""Two writes on one target have an order; without one, the later undo would put back the wrong state."""

from collections.abc import Iterator
from itertools import combinations
from typing import Any, TypeAlias

from connectors.types import Action, Kind
from workflows.definition.expressions import names_used
from workflows.definition.findings import Finding
from workflows.definition.graph import ancestors
from workflows.definition.model import StepSpec
from workflows.definition.scope import holes_in
from workflows.definition.subject import Subject

Target: TypeAlias = tuple[str, str, tuple[tuple[str, str], ...]]


def unordered_writes(subject: Subject) -> Iterator[Finding]:
    if subject.cycle is not None:
        return
    writes = [(i, step, t) for i, step, action in subject.calls() if (t := target_of(subject, step, action))]
    for (_, first, one), (index, second, other) in combinations(writes, 2):
        ordered = first.id in ancestors(subject.needs, second.id) or second.id in ancestors(subject.needs, first.id)
        if one == other and not ordered and first.id != second.id:
            yield subject.finding(
                "unordered_writes",
                f"`{first.id}` and `{second.id}` write on one target in no order",
                f"let `{second.id}` need `{first.id}`, or make them one write",
                *("steps", index),
            )


def unordered_items(subject: Subject) -> Iterator[Finding]:
    for index, step, action in subject.calls():
        target = target_of(subject, step, action)
        if step.foreach is None or step.foreach.parallel == 1 or target is None:
            continue
        if not any(step.foreach.name in _names_in(text) for _, text in target[2]):
            yield subject.finding(
                "unordered_writes",
                f"all items of `{step.id}` write on one target, {step.foreach.parallel} at a time",
                f"name the target by `{step.foreach.name}`, or set `parallel: 1`",
                *("steps", index, "foreach"),
            )


def target_of(subject: Subject, step: StepSpec, action: Action) -> Target | None:
    """What a write changes: the ids that it and its inverse both require. None: it makes something new.

    An inverse that requires an id which the write does not take gets it from what the write made.
    """
    inverse = subject.catalogue.tools.get(action.undo_tool or "")
    if action.kind is not Kind.WRITE or inverse is None:
        return None
    ids = _ids(inverse.args_schema)
    if not ids or not ids <= _ids(action.args_schema):
        return None
    named = tuple((name, str(step.arguments.get(name))) for name in sorted(ids))
    return subject.instance(step), step.tool.partition(".")[0], named


def _ids(schema: dict[str, Any]) -> frozenset[str]:
    """Required texts of a fixed form."""
    properties = schema.get("properties", {})
    return frozenset(name for name in schema.get("required", ()) if "pattern" in properties.get(name, {}))


def _names_in(text: str) -> frozenset[str]:
    return names_used(tuple(hole.expression for hole in holes_in(text)))


CHECKS = (unordered_writes, unordered_items)
