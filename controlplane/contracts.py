"""The JSON Schemas of the documents that cross our borders, as they are published: in `docs/contracts/` and under
`/v1/schemas/`. They describe, they hold nothing of a tenant.

Those of events are made from the catalogue, a file a type. What is published of an event is a promise: it may gain
optional members, and is not written over by anything else.
"""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from django.apps import apps
from django.conf import settings

from controlplane.lib.canonical import sha256_hex
from controlplane.lib.events import catalogue
from evidence import shapes

SOURCES: Mapping[str, str] = MappingProxyType(
    {
        "workflow-1": "workflows/schemas/workflow-1.json",
        "policy-input-1": "policies/schemas/input-1.json",
        "policy-decision-1": "policies/schemas/decision-1.json",
        "connector-manifest-1": "connectors/manifests/schema-1.json",
    }
)
"""Where each of them is kept, by the name under which it is published."""

FOLDER = "docs/contracts"
EVENT = "event-"
"""`event-run-closed` is the schema of the events of type `run.closed`."""


def names() -> list[str]:
    """Every schema that is published."""
    return [*SOURCES, *(EVENT + event_type.replace(".", "-") for event_type in _event_types())]


@cache
def published(name: str) -> bytes:
    """One schema as anybody gets it: the schema that our code checks with, written one member a line."""
    return (json.dumps(_schema(name), indent=2, ensure_ascii=False) + "\n").encode()


def broken_promises() -> list[str]:
    """What published schemas of events say and the code does not hold any more."""
    return [f"{file.stem}: {why}" for file in sorted(_folder_of_events().glob("*.json")) for why in _broken(file)]


def _schema(name: str) -> dict[str, Any]:
    if name not in SOURCES:
        return shapes.document(_event_type(name))
    source: dict[str, Any] = json.loads((Path(settings.BASE_DIR) / SOURCES[name]).read_text(encoding="utf-8"))
    return source


def _event_types() -> list[str]:
    """Those that our own apps declare."""
    return sorted(name for name, cls in catalogue().items() if apps.is_installed(cls.__module__.partition(".")[0]))


def _event_type(name: str) -> str:
    return name.removeprefix(EVENT).replace("-", ".")


def _broken(file: Path) -> list[str]:
    if file.stem not in catalogue():
        return ["the type is gone: history holds events of it"]
    return shapes.broken_promises(json.loads(file.read_bytes()), shapes.document(file.stem))


@cache
def etag(name: str) -> str:
    return f'"{sha256_hex(published(name))[:32]}"'


def write_all() -> list[str]:
    """Bring `docs/contracts/` up to date; the names of what was new or had changed. Ask `broken_promises` before."""
    return [name for name in names() if _write(_file(name), published(name))]


def out_of_date() -> list[str]:
    return [name for name in names() if _content(_file(name)) != published(name)]


def _file(name: str) -> Path:
    if name in SOURCES:
        return Path(settings.BASE_DIR) / FOLDER / f"{name}.json"
    return _folder_of_events() / f"{_event_type(name)}.json"


def _folder_of_events() -> Path:
    return Path(settings.BASE_DIR) / FOLDER / "events"


def _content(file: Path) -> bytes:
    return file.read_bytes() if file.exists() else b""


def _write(file: Path, content: bytes) -> bool:
    if _content(file) == content:
        return False
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return True
