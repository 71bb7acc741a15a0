"""Prompts and result schemas by `name@version`: those of the library, and those that a workspace published.

A name with its version means the same text for ever, in every workflow of the workspace.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from connectors.llm import library
from workflows.definition.checks.secrets import what_is_secret
from workflows.definition.json_schema import schema_problem
from workflows.definition.model import MODEL_TOOL, Definition
from workflows.errors import AssetInvalid, AssetTaken
from workflows.models import WorkflowVersion

LONGEST_PROMPT = 20_000
MOST = 20

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}@[0-9]{1,4}")


@dataclass(frozen=True, slots=True)
class Assets:
    """Prompts are texts, schemas are JSON Schemas of an object with `properties`."""

    prompts: Mapping[str, str] = field(default_factory=dict)
    schemas: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def __or__(self, other: "Assets") -> "Assets":
        return Assets({**self.prompts, **other.prompts}, {**self.schemas, **other.schemas})

    def by_path(self) -> dict[str, Any]:
        """As a version keeps them: `prompts/<name>@<n>`, `schemas/<name>@<n>`."""
        prompts = {f"prompts/{name}": text for name, text in self.prompts.items()}
        return prompts | {f"schemas/{name}": dict(schema) for name, schema in self.schemas.items()}


def known_assets(workspace_id: UUID) -> Assets:
    """Those of the library and of every version that the workspace published."""
    found = Assets(library.prompts(), library.schemas())
    rows = WorkflowVersion.objects.filter(workflow__workspace_id=workspace_id).exclude(assets={})
    for kept in rows.values_list("assets", flat=True):
        found = found | _from_paths(kept)
    return found


def check_given(given: Assets, known: Assets) -> None:
    """Raises AssetInvalid for what cannot be used, AssetTaken for a name that means something else already."""
    if len(given.prompts) + len(given.schemas) > MOST:
        raise AssetInvalid(f"at most {MOST} prompts and schemas are given with a version")
    for name, text in given.prompts.items():
        _check_prompt(name, text)
    for name, schema in given.schemas.items():
        _check_schema(name, schema)
    there = known.by_path()
    for path, content in given.by_path().items():
        if there.get(path, content) != content:
            raise AssetTaken(f"{path} is there with another content: raise its version")


def named_by(definition: Definition, known: Assets) -> dict[str, Any]:
    """The text of every prompt and schema that is named, so that the version means the same for ever."""
    kept: dict[str, Any] = {}
    for step in definition.steps:
        if step.tool == MODEL_TOOL:
            prompt, schema = step.arguments["prompt"], step.arguments["schema"]
            kept[f"prompts/{prompt}"] = known.prompts[prompt]
            kept[f"schemas/{schema}"] = known.schemas[schema]
    return kept


def _check_prompt(name: str, text: str) -> None:
    _check_name(name)
    if not text.strip() or len(text) > LONGEST_PROMPT:
        raise AssetInvalid(f"prompt {name}: a text of 1 to {LONGEST_PROMPT} characters")
    if any(what_is_secret(line) for line in text.splitlines()):
        raise AssetInvalid(f"prompt {name}: this looks like a secret; everybody who may read the workflow would see it")


def _check_schema(name: str, schema: Mapping[str, Any]) -> None:
    _check_name(name)
    problem = schema_problem(schema)
    if problem is not None:
        raise AssetInvalid(f"schema {name}: {problem.message} at {'/'.join(map(str, problem.path)) or 'the top'}")
    if not schema.get("properties"):
        raise AssetInvalid(f"schema {name}: say under `properties:` what the model answers")


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise AssetInvalid(f"{name!r}: a name and a version, such as triage@2")


def _from_paths(kept: Mapping[str, Any]) -> Assets:
    def of(kind: str) -> dict[str, Any]:
        return {path.removeprefix(kind): content for path, content in kept.items() if path.startswith(kind)}

    return Assets(of("prompts/"), of("schemas/"))
