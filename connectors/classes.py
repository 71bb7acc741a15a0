"""Which data classes an answer brings: what the manifest declares of its tool, and what the configuration of the
connector instance adds (`ConnectorInstance.classes`). It can only add. Pure.

    {"tools": {"servicenow.incident.get": ["secret"]},
     "fields": {"category": {"hr": ["personal"]}, "u_diagnosis": {"*": ["health"]}}}

`tools`: whatever this instance answers to the tool holds these classes, too. `fields`: an answer with this value (`*`:
any value but an empty one) in a field of this name, at any depth, holds them; that is known when it is there.
"""

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, TypeAlias

from jsonschema import Draft202012Validator

from connectors.types import Action, JsonObject, Kind

Classes: TypeAlias = Mapping[str, Any]

ANY_VALUE = "*"
OPEN = frozenset({"public", "internal"})
"""Held by every governed place: no place has to be cleared for them."""

_NAMES: JsonObject = {
    "type": "array",
    "uniqueItems": True,
    "maxItems": 20,
    "items": {"type": "string", "pattern": "^[a-z][a-z0-9_-]{0,31}$"},
}
SCHEMA: Mapping[str, Any] = MappingProxyType(
    {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "tools": {"type": "object", "maxProperties": 100, "additionalProperties": _NAMES},
            "fields": {
                "type": "object",
                "maxProperties": 200,
                "additionalProperties": {"type": "object", "maxProperties": 100, "additionalProperties": _NAMES},
            },
        },
    }
)


def problem(classes: Classes) -> str:
    """What is wrong with the configuration, empty when nothing is."""
    error = next(Draft202012Validator(dict(SCHEMA)).iter_errors(dict(classes)), None)
    return "" if error is None else f"{error.json_path}: {error.message}"


def brought(action: Action, classes: Classes) -> frozenset[str]:
    """What an answer of this tool may hold, known before it is asked.

    A model knows what it is told: it brings nothing of its own, unless the instance says so.
    """
    declared = () if action.kind is Kind.MODEL else action.data_classes
    return frozenset(declared) | frozenset(classes.get("tools", {}).get(action.tool, ()))


def of_events(actions: Iterable[Action], classes: Classes) -> frozenset[str]:
    """What an event of an instance may hold: whatever can be read there."""
    return frozenset(name for action in actions if action.kind is Kind.READ for name in brought(action, classes))


def found(classes: Classes, output: JsonObject) -> frozenset[str]:
    """What this very answer holds by its fields."""
    marked = classes.get("fields", {})
    if not marked:
        return frozenset()
    return frozenset(name for field, value in _fields(output) for name in _of(marked.get(field, {}), value))


def _of(by_value: Mapping[str, list[str]], value: object) -> list[str]:
    text = "" if value is None else str(value).strip().casefold()
    if not text:
        return []
    named = [name for wanted, names in by_value.items() if wanted.strip().casefold() == text for name in names]
    return [*by_value.get(ANY_VALUE, ()), *named]


def _fields(value: object) -> Iterator[tuple[str, object]]:
    """Every named value at any depth; the members of a list go by the name of the list."""
    pending: list[tuple[str, object]] = [("", value)]
    while pending:
        name, part = pending.pop()
        if isinstance(part, Mapping):
            pending.extend(part.items())
        elif isinstance(part, list):
            pending.extend((name, member) for member in part)
        else:
            yield name, part
