"""A definition under examination, with its source for places and its catalogue for meanings. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from connectors.types import Action, Kind, Reversibility
from workflows.definition.catalogue import Catalogue, Published
from workflows.definition.findings import Finding
from workflows.definition.graph import cycle_in
from workflows.definition.model import MODEL_TOOL, Definition, StepKind, StepSpec
from workflows.definition.source import Source

_HAS_INVERSE = frozenset({Reversibility.REVERSIBLE, Reversibility.COMPENSABLE})


@dataclass(frozen=True)
class Subject:
    definition: Definition
    source: Source
    catalogue: Catalogue
    memo: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def finding(self, code: str, message: str, hint: str, *path: str | int) -> Finding:
        return Finding(code, message, hint, self.source.place("spec", *path))

    def steps(self) -> Iterator[tuple[int, StepSpec]]:
        return enumerate(self.definition.steps)

    def calls(self) -> Iterator[tuple[int, StepSpec, Action]]:
        """Steps that call a tool which exists."""
        for index, step in self.steps():
            action = self.action(step)
            if action is not None:
                yield index, step, action

    def subs(self) -> Iterator[tuple[int, StepSpec, Published]]:
        """Steps that run a workflow which is published."""
        for index, step in self.steps():
            published = self.catalogue.workflows.get(step.sub) if step.sub else None
            if published is not None:
                yield index, step, published

    def written(self, index: int) -> dict[str, Any]:
        """A step as it stands in the file."""
        step: dict[str, Any] = self.definition.document["spec"]["steps"][index]
        return step

    def action(self, step: StepSpec) -> Action | None:
        """The tool at the version that is pinned; at the newest when there is no such version."""
        newest = self.catalogue.tools.get(step.tool) if step.kind is StepKind.CALL else None
        pinned = self.catalogue.offered.get(step.tool, {}).get(step.tool_version or "")
        return pinned or newest

    def published(self, step: StepSpec) -> Published | None:
        return self.catalogue.workflows.get(step.sub) if step.sub else None

    def is_write(self, step: StepSpec) -> bool:
        action = self.action(step)
        return action is not None and action.kind is Kind.WRITE

    def has_inverse(self, action: Action) -> bool:
        return action.reversibility in _HAS_INVERSE and action.undo_tool in self.catalogue.tools

    def is_final(self, step: StepSpec) -> bool:
        """Whether nothing takes back what the step does."""
        published = self.published(step)
        return step.irreversible or (published is not None and published.irreversible)

    def instance(self, step: StepSpec) -> str:
        """The connector instance that a call will use, as `workflows.pinning` finds it."""
        return step.instance or ("" if step.tool == MODEL_TOOL else step.tool.partition(".")[0])

    @cached_property
    def needs(self) -> Mapping[str, frozenset[str]]:
        return {step.id: frozenset(step.needs) for step in self.definition.steps}

    @cached_property
    def cycle(self) -> list[str] | None:
        return cycle_in(self.needs)


def listed(ids: list[str] | tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in ids)


def offered(names: Iterator[str] | Mapping[str, Any] | frozenset[str]) -> str:
    """A hint that names what there is."""
    known = sorted(names)
    return f"use one of: {', '.join(known)}" if known else "none is known"
