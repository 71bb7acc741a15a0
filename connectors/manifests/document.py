"""A manifest as a value. Pure."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from connectors.errors import ManifestInvalid, UnknownTool
from connectors.types import Action, JsonObject, Kind, Reversibility, Risk
from controlplane.lib.canonical import digest

BUILTIN = Path(__file__).parent / "builtin"
PAYLOAD_TYPE = "application/vnd.interlock.manifest+json"


@dataclass(frozen=True, slots=True)
class Manifest:
    """`digest` is the SHA-256 of the canonical document, the value that runs pin."""

    name: str
    version: str
    driver: str
    title: str
    digest: str
    credentials: tuple[str, ...]
    config_schema: JsonObject
    actions: Mapping[str, Action]
    document: JsonObject

    def action(self, tool: str) -> Action:
        if tool not in self.actions:
            raise UnknownTool(f"{self.name} {self.version} has no tool {tool}")
        return self.actions[tool]


def parse(document: JsonObject) -> Manifest:
    """Raises ManifestInvalid for a document against its schema, with broken schemas or undo references."""
    problems = sorted(_validator().iter_errors(document), key=lambda error: list(error.path))
    if problems:
        place = "/".join(str(part) for part in problems[0].path)
        raise ManifestInvalid(f"{place or 'manifest'}: {problems[0].message}")
    manifest = read(document)
    _check(document, manifest.actions)
    return manifest


def read(document: JsonObject) -> Manifest:
    """A document that was parsed before it was signed: its signature stands for the checks."""
    actions = {tool["tool"]: _action(tool) for tool in document["tools"]}
    return Manifest(
        name=document["name"],
        version=document["version"],
        driver=document["driver"],
        title=document["title"],
        digest=digest(document),
        credentials=tuple(document["credentials"]),
        config_schema=document["config_schema"],
        actions=actions,
        document=document,
    )


def builtin_documents() -> list[JsonObject]:
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(BUILTIN.glob("*.json"))]


def latest_of(manifests: Iterable[Manifest]) -> dict[str, Manifest]:
    return {manifest.name: manifest for manifest in sorted(manifests, key=_age)}


def _age(manifest: Manifest) -> tuple[int, ...]:
    return tuple(int(part) for part in manifest.version.split("."))


def _action(tool: Mapping[str, Any]) -> Action:
    return Action(
        tool=tool["tool"],
        version=tool["version"],
        kind=Kind(tool["kind"]),
        args_schema=tool["args_schema"],
        output_schema=tool["output_schema"],
        risk=Risk(tool["risk"]),
        reversibility=Reversibility(tool["reversibility"]),
        data_classes=tuple(tool["data_classes"]),
        per_minute=tool["per_minute"],
        settle_time_s=tool["settle_time_s"],
        deadline_s=tool["deadline_s"],
        undo_tool=tool["undo_tool"],
    )


def _check(document: JsonObject, actions: Mapping[str, Action]) -> None:
    if len(actions) != len(document["tools"]):
        raise ManifestInvalid("a tool is listed twice")
    for action in actions.values():
        if action.undo_tool and action.undo_tool not in actions:
            raise ManifestInvalid(f"{action.tool} is undone by {action.undo_tool}, which is not listed")
        _check_schema(action.args_schema, f"{action.tool} args_schema")
        _check_schema(action.output_schema, f"{action.tool} output_schema")
    _check_schema(document["config_schema"], "config_schema")


def _check_schema(schema: JsonObject, what: str) -> None:
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        raise ManifestInvalid(f"{what}: {error.message}") from error


@cache
def _validator() -> Draft202012Validator:
    schema = json.loads((Path(__file__).parent / "schema-1.json").read_text(encoding="utf-8"))
    return Draft202012Validator(schema)
