"""The JSON Schemas of the documents that cross our borders, as they are published: in `docs/contracts/` and under
`/v1/schemas/`. They describe, they hold nothing of a tenant."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

from django.conf import settings

from controlplane.lib.canonical import sha256_hex

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


@cache
def published(name: str) -> bytes:
    """One schema as anybody gets it: the schema that our code checks with, written one member a line."""
    source = json.loads((Path(settings.BASE_DIR) / SOURCES[name]).read_text(encoding="utf-8"))
    return (json.dumps(source, indent=2, ensure_ascii=False) + "\n").encode()


@cache
def etag(name: str) -> str:
    return f'"{sha256_hex(published(name))[:32]}"'


def write_all() -> list[str]:
    """Bring `docs/contracts/` up to date; the names of what was new or had changed."""
    return [name for name in SOURCES if _write(_file(name), published(name))]


def out_of_date() -> list[str]:
    return [name for name in SOURCES if _content(_file(name)) != published(name)]


def _file(name: str) -> Path:
    return Path(settings.BASE_DIR) / FOLDER / f"{name}.json"


def _content(file: Path) -> bytes:
    return file.read_bytes() if file.exists() else b""


def _write(file: Path, content: bytes) -> bool:
    if _content(file) == content:
        return False
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return True
