"""The shape of every type of event, as a JSON Schema made from its frozen dataclass: published, and checked with.

A member that may be None is left out when it is. A member with a default may be missing in events from before it came.
"""

import dataclasses
import types
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints
from uuid import UUID

import jsonschema_rs

from controlplane.lib import events
from controlplane.lib.events import Committed
from evidence.verify.jcs import MAX_INTEGER

Schema = dict[str, Any]

_ID = {"type": "string", "pattern": "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"}
_HASH = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
_COUNT = {"type": "integer", "minimum": 0, "maximum": MAX_INTEGER}
_COMMITMENT = {
    "type": "object",
    "description": "Content that is not here: `c` is a salted hash of it, `len` its size in bytes, `mt` its type.",
    "properties": {"c": _HASH, "len": _COUNT, "mt": {"type": "string"}},
    "required": ["c", "len", "mt"],
    "additionalProperties": False,
}
_PLAIN: Mapping[Any, Schema] = types.MappingProxyType(
    {
        str: {"type": "string"},
        bool: {"type": "boolean"},
        int: {"type": "integer", "minimum": -MAX_INTEGER, "maximum": MAX_INTEGER},
        UUID: _ID,
        datetime: {"type": "string", "format": "date-time"},
        Committed: _COMMITMENT,
        object: {},
        Any: {},
    }
)
_ACTOR = {
    "type": "object",
    "description": "Who did it. Ids are opaque; `method` is how they proved to be who they are.",
    "properties": {
        "kind": {"type": "string"},
        "id": {"type": "string"},
        "method": {"type": "string"},
        "on_behalf_of": {"type": "string"},
    },
    "required": ["kind", "id", "method"],
    "additionalProperties": False,
}
_RUN = {
    "type": "object",
    "description": "Its place in its run: counted from 1, and the hash of the event before.",
    "properties": {"id": {"type": "string"}, "seq": {**_COUNT, "minimum": 1}, "prev": _HASH},
    "required": ["id", "seq"],
    "additionalProperties": False,
}


def fits(event_type: str, data: Mapping[str, Any]) -> bool:
    """Whether `data`, commitments in place of content, has the shape of the type. Microseconds."""
    return bool(_validator(event_type).is_valid(data))


def document(event_type: str) -> Schema:
    """The schema of a whole event of this type, as it is published."""
    cls = events.catalogue()[event_type]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:interlock:event:{event_type}:1",
        "title": event_type,
        "description": (cls.__doc__ or "").strip() if not _made_up(cls) else "",
        "type": "object",
        "properties": {
            "v": {"const": 1},
            "id": _ID,
            "type": {"const": event_type},
            "origin": {"type": "string", "description": "The log: deployment, tenant, workspace, epoch."},
            "time": {**_COUNT, "description": "Milliseconds since 1970, as the emitter claims."},
            "actor": _ACTOR,
            "run": _RUN,
            "data": data_of(cls),
        },
        "required": ["v", "id", "type", "origin", "time", "actor", "data"],
        "additionalProperties": False,
    }


def data_of(cls: type) -> Schema:
    """The schema of the member `data`."""
    hints = get_type_hints(cls)
    fields = dataclasses.fields(cls)
    return {
        "type": "object",
        "properties": {field.name: _of(hints[field.name]) for field in fields},
        "required": [field.name for field in fields if _always(field, hints[field.name])],
        "additionalProperties": False,
    }


def broken_promises(before: Schema, now: Schema) -> list[str]:
    """Why whoever reads events of the published shape `before` cannot read those of `now`; empty when they can.

    A type may get members that are optional. What else changes gets a new name of a type.
    """
    old, new = before["properties"]["data"], now["properties"]["data"]
    gone = [f"{name} is gone" for name in old["properties"] if name not in new["properties"]]
    other = [
        f"{name} is of another type"
        for name, shape in old["properties"].items()
        if name in new["properties"] and new["properties"][name] != shape
    ]
    demanded = [f"{name} is new and required" for name in new["required"] if name not in old["properties"]]
    missing = [f"{name} is not always there any more" for name in old["required"] if name not in new["required"]]
    return gone + other + demanded + missing


@cache
def _validator(event_type: str) -> Any:
    return jsonschema_rs.Draft202012Validator(data_of(events.catalogue()[event_type]))


def _made_up(cls: type) -> bool:
    """Dataclasses without a docstring get their signature for one."""
    return (cls.__doc__ or "").startswith(f"{cls.__name__}(")


def _always(field: "dataclasses.Field[Any]", hint: Any) -> bool:
    default = field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING
    return not default and not _may_be_none(hint)


def _may_be_none(hint: Any) -> bool:
    return type(None) in get_args(hint)


def _of(hint: Any) -> Schema:
    """The schema of one annotation; raises TypeError for what cannot stand in an event."""
    if hint in _PLAIN:
        return _PLAIN[hint]
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (types.UnionType, Union):
        options = [_of(one) for one in arguments if one is not type(None)]
        return options[0] if len(options) == 1 else {"anyOf": options}
    if origin is Literal:
        return {"enum": list(arguments)}
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return {"type": "object", "additionalProperties": _of(arguments[1])}
    if isinstance(origin, type) and issubclass(origin, list | tuple | set | frozenset):
        return {"type": "array", "items": _of(arguments[0])}
    if isinstance(hint, type) and issubclass(hint, str):
        return _PLAIN[str]
    raise TypeError(f"{hint} cannot stand in an event")
