"""What a definition may name: installed tools, prompts, result schemas, other workflows. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from connectors.types import Action
from workflows.definition.steps import Sub


@dataclass(frozen=True, slots=True)
class Published:
    """What a parent must know of a published version. `writes`: at most, loops counted out; `depth`: how many
    levels of sub-runs it has below itself; `outputs`: their names."""

    inputs: Mapping[str, Any] | None = None
    outputs: frozenset[str] = frozenset()
    runs: frozenset[Sub] = frozenset()
    writes: int = 0
    irreversible: bool = False
    depth: int = 0


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Tools by name in their newest version; prompts (text) and schemas as `name@version`; published workflows.

    `offered`: every installed version of a tool, for those that have more than one.
    """

    tools: Mapping[str, Action]
    prompts: Mapping[str, str]
    schemas: Mapping[str, Mapping[str, Any]]
    workflows: Mapping[Sub, Published] = field(default_factory=dict)
    offered: Mapping[str, Mapping[str, Action]] = field(default_factory=dict)
