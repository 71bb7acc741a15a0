"""The closed catalogue of event types.

An app declares its events as frozen dataclasses in `<app>/events.py`; the evidence app writes them. Only
metadata goes into an event: content is wrapped in `Committed`, of which evidence keeps a salted commitment.
"""

import dataclasses
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from types import MappingProxyType
from typing import Any, TypeVar
from uuid import UUID

from controlplane.lib.canonical import Json

_NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+")
_catalogue: dict[str, type] = {}

E = TypeVar("E", bound=type)


@dataclass(frozen=True)
class Committed:
    """Content that evidence commits to without containing it. `content` is the exact bytes."""

    content: bytes
    media_type: str = "application/json"


class EventTypeReused(RuntimeError):
    """Two classes claim one event type: the catalogue is closed, names are never reused."""


def event(name: str) -> Callable[[E], E]:
    """Register a frozen dataclass as the shape of one event type, e.g. `approval.vote_cast`."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"not an event type: {name!r}")

    def register(cls: E) -> E:
        known = _catalogue.setdefault(name, cls)
        if known.__qualname__ != cls.__qualname__ or known.__module__ != cls.__module__:
            raise EventTypeReused(name)
        cls.event_type = name  # type: ignore[attr-defined]
        return cls

    return register


def catalogue() -> Mapping[str, type]:
    """Every registered event type with its dataclass."""
    return MappingProxyType(_catalogue)


def type_of(instance: object) -> str:
    """The registered type name; raises LookupError for anything that is not a registered event."""
    name = getattr(type(instance), "event_type", None)
    if name is None or _catalogue.get(name) is not type(instance):
        raise LookupError(f"{type(instance).__qualname__} is not a registered event type")
    return str(name)


def fields_of(instance: Any) -> dict[str, "Json | Committed"]:
    """Members of an event as JSON values; `Committed` ones unchanged, `None` ones left out at every depth."""
    raw = {name: getattr(instance, name) for name in _names(instance.__class__)}
    return {name: _plain(value) for name, value in raw.items() if value is not None}


def holds_content(instance: Any) -> bool:
    """True when something in it is content."""
    return any(_holds(getattr(instance, name)) for name in _names(instance.__class__))


@cache
def _names(cls: type) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(cls))


_AS_THEY_ARE = frozenset({str, int, bool, Committed})
_NO_CONTENT = frozenset({str, int, bool, UUID, type(None)})


def _holds(value: Any) -> bool:
    if type(value) in _NO_CONTENT:
        return False
    if isinstance(value, Mapping):
        return any(map(_holds, value.values()))
    if isinstance(value, list | tuple):
        return any(map(_holds, value))
    return isinstance(value, Committed)


def _plain(value: Any) -> Any:
    if type(value) in _AS_THEY_ARE:
        return value
    if isinstance(value, bool | int | str):
        return str(value) if isinstance(value, str) else value
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items() if v is not None}
    if isinstance(value, list | tuple | frozenset | set):
        items = sorted(value) if isinstance(value, set | frozenset) else value
        return [_plain(item) for item in items]
    raise TypeError(f"{type(value).__name__} cannot stand in an event")
