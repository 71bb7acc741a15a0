"""The incident as the connector sees it: fields, images, the computed priority. Pure.

A catalogue task is the same kind of record (both extend `task`) with fewer fields: a `Desk` says which one is meant.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from connectors.servicenow.wire import Cell, display, raw
from connectors.types import Change, JsonObject

GUARDED = ("active", "assigned_to", "state")
"""Fields that stop a write when they changed since the proposal, even when the write does not touch them."""

SIDE_EFFECTS = ("assigned_to", "state")
"""Fields that business rules change along with ours; put back with them."""

BOOKKEEPING = ("number", "priority", "sys_id", "sys_mod_count", "sys_updated_by", "sys_updated_on")

READ_FIELDS = (
    "active",
    "assigned_to",
    "assignment_group",
    "business_service",
    "caller_id",
    "category",
    "close_code",
    "close_notes",
    "cmdb_ci",
    "description",
    "hold_reason",
    "impact",
    "number",
    "opened_at",
    "priority",
    "short_description",
    "state",
    "subcategory",
    "sys_id",
    "sys_mod_count",
    "sys_updated_by",
    "sys_updated_on",
    "urgency",
)

TASK_FIELDS = (
    "active",
    "assigned_to",
    "assignment_group",
    "close_notes",
    "description",
    "impact",
    "number",
    "opened_at",
    "priority",
    "short_description",
    "state",
    "sys_id",
    "sys_mod_count",
    "sys_updated_by",
    "sys_updated_on",
    "urgency",
)


@dataclass(frozen=True, slots=True)
class Desk:
    """A table of tickets: how people call a row, its tools, and what is read of it."""

    table: str
    word: str
    get: str
    restore: str
    fields: tuple[str, ...]


INCIDENTS = Desk("incident", "incident", "servicenow.incident.get", "servicenow.incident.restore", READ_FIELDS)
TASKS = Desk("sc_task", "catalogue task", "servicenow.task.get", "servicenow.task.restore", TASK_FIELDS)

REFERENCES = {
    "assigned_to": "sys_user",
    "assignment_group": "sys_user_group",
    "caller_id": "sys_user",
}
"""Reference fields whose new value is looked up by name, so that people approve a name and not an id."""

LABELS = {
    "assigned_to": "Assigned to",
    "assignment_group": "Assignment group",
    "category": "Category",
    "close_notes": "Close notes",
    "impact": "Impact",
    "priority": "Priority (computed by ServiceNow)",
    "state": "State",
    "subcategory": "Subcategory",
    "urgency": "Urgency",
    "work_notes": "Work note (internal)",
}

_HIGH_TO_LOW = {"1": "1 - High", "2": "2 - Medium", "3": "3 - Low"}
LEVELS = {
    "impact": _HIGH_TO_LOW,
    "urgency": _HIGH_TO_LOW,
    "priority": {
        "1": "1 - Critical",
        "2": "2 - High",
        "3": "3 - Moderate",
        "4": "4 - Low",
        "5": "5 - Planning",
    },
}

PRIORITY = {
    ("1", "1"): "1",
    ("1", "2"): "2",
    ("1", "3"): "3",
    ("2", "1"): "2",
    ("2", "2"): "3",
    ("2", "3"): "4",
    ("3", "1"): "3",
    ("3", "2"): "4",
    ("3", "3"): "5",
}
"""(impact, urgency) → priority of the ServiceNow base system; a customer may have edited `dl_u_priority`."""


def fields_for(touched: Iterable[str]) -> tuple[str, ...]:
    """What a write reads before and after: what it touches, the guards, the bookkeeping and the journal."""
    return tuple(sorted({*touched, *GUARDED, *BOOKKEEPING, "work_notes"}))


def observed(cells: Mapping[str, Cell], fields: Iterable[str] = READ_FIELDS) -> JsonObject:
    """Raw values by field, with `display` holding what people see. Dates are UTC `YYYY-MM-DD HH:MM:SS`."""
    names = tuple(fields)
    return {**raw(cells, names), "display": display(cells, names)}


def image(cells: Mapping[str, Cell], touched: Iterable[str]) -> JsonObject:
    """The before or after image of a write; the journal is not part of it."""
    return observed(cells, sorted({*touched, *GUARDED, *BOOKKEEPING}))


def differing(cells: Mapping[str, Cell], wanted: Mapping[str, str]) -> tuple[str, ...]:
    """The fields of the record that do not hold the wanted raw value."""
    return tuple(sorted(name for name, value in wanted.items() if str(cells[name]["value"]) != value))


def deviations(cells: Mapping[str, Cell], written: Mapping[str, str]) -> list[JsonObject]:
    """Where the record does not read as written: another value, or a reference that names nothing."""
    return [
        {"field": name, "wanted": wanted, "got": str(cells[name]["value"])}
        for name, wanted in sorted(written.items())
        if str(cells[name]["value"]) != wanted or (wanted and not cells[name]["display_value"])
    ]


def pointed_to(values: Mapping[str, str]) -> dict[str, str]:
    """The references among the values of a write, sys_id by field."""
    return {field: values[field] for field in sorted(REFERENCES) if values.get(field)}


def observed_by(sys_id: str, values: Mapping[str, str]) -> JsonObject:
    """The arguments of the read that shows an incident before a write of these values."""
    references = pointed_to(values)
    return {"sys_id": sys_id, "references": references} if references else {"sys_id": sys_id}


def shown(names: Mapping[str, str], field: str, value: str) -> str:
    """A raw value as people read it: references by name, levels in words."""
    if field in REFERENCES and value:
        return names.get(value) or f"unknown record {value}"
    return LEVELS.get(field, {}).get(value, value)


def changes(before: Mapping[str, Any], after: Mapping[str, str]) -> tuple[Change, ...]:
    """The diff for people, with the priority that ServiceNow is expected to compute."""
    lines = [change(before, name, value) for name, value in sorted(after.items()) if before[name] != value]
    impact, urgency = (after.get(name, before[name]) for name in ("impact", "urgency"))
    priority = PRIORITY.get((impact, urgency))
    if {"impact", "urgency"} & set(after) and priority and priority != before["priority"]:
        lines.append(change(before, "priority", priority))
    return tuple(lines)


def change(before: Mapping[str, Any], name: str, value: str) -> Change:
    was = before["display"].get(name) or before[name]
    return Change(name, LABELS.get(name, name), str(was), shown(before.get("names", {}), name, value))
