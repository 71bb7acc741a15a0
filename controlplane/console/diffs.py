"""The field diff that a person decides on: changed fields first, the unchanged counted."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from controlplane.console.inert import inert

ABSENT = object()


@dataclass(frozen=True, slots=True)
class Cell:
    """One value as text. `absent` says in words why there is none: a missing value is never an empty box."""

    text: str
    absent: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    field: str
    label: str
    before: Cell
    after: Cell


def changes(shown: Sequence[Mapping[str, Any]]) -> tuple[Change, ...]:
    """From the `changes` of an approval's display or of a write: `{field, label, before, after}`."""
    return tuple(
        Change(
            str(row["field"]),
            str(row.get("label") or row["field"]),
            cell(row.get("before", ABSENT)),
            cell(row.get("after", ABSENT)),
        )
        for row in shown
    )


def between(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> tuple[tuple[Change, ...], int]:
    """The fields that differ between two images of a record, and how many are the same in both."""
    old, new = before or {}, after or {}
    names = sorted({*old, *new})
    changed = [name for name in names if old.get(name, ABSENT) != new.get(name, ABSENT)]
    return changes([{"field": name, **_sides(name, old, new)} for name in changed]), len(names) - len(changed)


def _sides(name: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    sides = {"before": old.get(name, ABSENT), "after": new.get(name, ABSENT)}
    return {side: value for side, value in sides.items() if value is not ABSENT}


def cell(value: object) -> Cell:
    if value is ABSENT:
        return Cell("", "not set")
    if value is None:
        return Cell("", "none")
    if value == "":
        return Cell("", "empty")
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
    return Cell(inert(text))
