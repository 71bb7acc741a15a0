"""What is known about a value before a run: its shape, from a JSON Schema or from a literal. Pure."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeAlias

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Plain(Enum):
    """The value is a `say` as people call it. ANY: nothing is known."""

    ANY = "anything"
    TEXT = "a text"
    WHOLE = "a whole number"
    TRUTH = "true or false"
    NULL = "null"


@dataclass(frozen=True, slots=True)
class ListOf:
    item: "Shape"


@dataclass(frozen=True, slots=True)
class MapOf:
    """Keys are not known, all values have one shape."""

    value: "Shape"


@dataclass(frozen=True, slots=True, eq=False)
class Fields:
    """An object whose members are all known by name."""

    members: Mapping[str, "Shape"]


Shape: TypeAlias = Plain | ListOf | MapOf | Fields

_TYPES: Mapping[str, Plain] = {
    "string": Plain.TEXT,
    "integer": Plain.WHOLE,
    "boolean": Plain.TRUTH,
    "null": Plain.NULL,
}


def from_schema(schema: object, *, closed: bool = False) -> Shape:
    """The shape of what satisfies a JSON Schema; where it leaves open what comes, ANY.

    An object is known by its members only when nothing else may stand in it, or when `closed` says so.
    """
    if not isinstance(schema, Mapping):
        return Plain.ANY
    kind = schema.get("type", "")
    if kind == "array":
        return ListOf(from_schema(schema.get("items")))
    if kind == "object":
        return _object(schema, closed or schema.get("additionalProperties") is False)
    if isinstance(kind, str) and kind in _TYPES:
        return _TYPES[kind]
    return _joined(of_value(value) for value in _listed(schema))


def of_value(value: object, *, named: bool = False) -> Shape:
    """The shape of a literal. `named`: its members are known by name; further down any key may be asked for."""
    if isinstance(value, bool):
        return Plain.TRUTH
    if isinstance(value, int):
        return Plain.WHOLE
    if isinstance(value, str):
        return Plain.TEXT
    if isinstance(value, list):
        return ListOf(_joined(map(of_value, value)))
    if isinstance(value, dict):
        return (
            fields({k: of_value(v) for k, v in value.items()})
            if named
            else MapOf(_joined(map(of_value, value.values())))
        )
    return Plain.NULL if value is None else Plain.ANY


def fields(members: Mapping[str, Shape]) -> Shape:
    """An object of known members; a plain map when an expression cannot write a name or two are too alike."""
    writable = all(_NAME.fullmatch(name) for name in members)
    distinct = len({name.replace("_", "").lower() for name in members}) == len(members)
    return Fields(members) if members and writable and distinct else MapOf(Plain.ANY)


def say(shape: Shape) -> str:
    """The shape in words."""
    if isinstance(shape, Plain):
        return shape.value
    return "a list" if isinstance(shape, ListOf) else "a map"


def fits(given: Shape, wanted: Shape) -> bool:
    """Whether a value of one shape may stand where another is wanted; only what is surely wrong does not."""
    if Plain.ANY in (given, wanted):
        return True
    if isinstance(given, ListOf) and isinstance(wanted, ListOf):
        return fits(given.item, wanted.item)
    if isinstance(given, Fields) and isinstance(wanted, Fields):
        shared = given.members.keys() & wanted.members.keys()
        return all(fits(given.members[name], wanted.members[name]) for name in shared)
    if isinstance(given, MapOf | Fields) and isinstance(wanted, MapOf | Fields):
        return True
    return given == wanted


def _object(schema: Mapping[str, Any], closed: bool) -> Shape:
    properties = schema.get("properties")
    if isinstance(properties, Mapping) and properties and closed:
        return fields({str(name): from_schema(inner) for name, inner in properties.items()})
    if properties:
        return MapOf(Plain.ANY)
    return MapOf(from_schema(schema.get("additionalProperties")))


def _listed(schema: Mapping[str, Any]) -> list[object]:
    if "const" in schema:
        return [schema["const"]]
    listed = schema.get("enum")
    return listed if isinstance(listed, list) else []


def _joined(shapes: Iterable[Shape]) -> Shape:
    """The shape that all have, or ANY."""
    found = list(shapes)
    alike = bool(found) and isinstance(found[0], Plain) and all(shape is found[0] for shape in found)
    return found[0] if alike else Plain.ANY
