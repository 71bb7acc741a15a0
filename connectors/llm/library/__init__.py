"""Prompts and output schemas by `name@version`. A version never changes; a change is a new version. Pure."""

import json
from functools import cache
from pathlib import Path

from connectors.errors import ConfigInvalid
from connectors.types import JsonObject

_PROMPTS = Path(__file__).parent / "prompts"
_SCHEMAS = Path(__file__).parent / "schemas"


@cache
def prompts() -> dict[str, str]:
    """Text of every prompt by `name@version`."""
    return {path.stem: path.read_text(encoding="utf-8") for path in sorted(_PROMPTS.glob("*.md"))}


@cache
def schemas() -> dict[str, JsonObject]:
    """JSON Schema of every result by `name@version`."""
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(_SCHEMAS.glob("*.json"))}


def prompt(name: str) -> str:
    """Raises ConfigInvalid for a prompt that is not there."""
    if name not in prompts():
        raise ConfigInvalid(f"no prompt {name}; there are {', '.join(prompts())}")
    return prompts()[name]


def schema(name: str) -> JsonObject:
    """Raises ConfigInvalid for a schema that is not there."""
    if name not in schemas():
        raise ConfigInvalid(f"no schema {name}; there are {', '.join(schemas())}")
    return schemas()[name]
