"""A checked workflow definition as frozen values. Rows keep the document; these are rebuilt from it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from controlplane.lib.canonical import Json, digest
from workflows.definition.expressions import Names
from workflows.definition.graph import Needs
from workflows.definition.steps import (
    ApprovalHint,
    Backoff,
    Foreach,
    OnFailure,
    StepKind,
    StepSpec,
    Sub,
    Wait,
    seconds,
    step_of,
)

__all__ = [
    "MODEL_TOOL",
    "ApprovalHint",
    "Backoff",
    "Definition",
    "Foreach",
    "ModelPin",
    "OnFailure",
    "Priority",
    "StepKind",
    "StepSpec",
    "Sub",
    "Trigger",
    "Wait",
    "build",
    "document_of",
]

MODEL_TOOL = "llm.generate"


class Priority(IntEnum):
    """Which of a tenant's runs is taken first: the lower number."""

    HIGH = 1
    NORMAL = 5
    LOW = 9


@dataclass(frozen=True, slots=True)
class ModelPin:
    """A model by its exact name. `fallback` holds `provider/model` in order of preference."""

    provider: str
    model: str
    fallback: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Trigger:
    """Which inbound event starts a run. `key`: text with expressions over `event`; one open run per key."""

    connector: str
    event: str
    key: str


@dataclass(frozen=True, slots=True)
class Definition:
    """A workflow at one version. `inputs`: JSON Schema of the trigger data, None when anything goes; `outputs`:
    values with expressions; `deadline_s`: when the whole run turns back; `max_running`: open running runs of
    this workflow per tenant.
    """

    name: str
    version: str
    trigger: Trigger | None
    models: Mapping[str, ModelPin]
    constants: Mapping[str, Any]
    steps: tuple[StepSpec, ...]
    document: dict[str, Any] = field(repr=False)
    inputs: Mapping[str, Any] | None = None
    outputs: Mapping[str, Any] = field(default_factory=dict)
    deadline_s: int | None = None
    priority: Priority = Priority.NORMAL
    max_running: int | None = None

    def step(self, step_id: str) -> StepSpec:
        return next(step for step in self.steps if step.id == step_id)

    @property
    def needs(self) -> Needs:
        return {step.id: step.needs for step in self.steps}

    @property
    def names(self) -> Names:
        """What expressions may refer to everywhere: in steps and in outputs."""
        return Names(frozenset(step.id for step in self.steps))

    def names_of(self, step: StepSpec) -> Names:
        """What the expressions of a step may refer to: in a loop also the item."""
        if step.foreach is None:
            return self.names
        return Names(self.names.steps, items=frozenset({step.foreach.name}))

    @property
    def digest(self) -> str:
        """SHA-256 of the RFC 8785 form of the document: spacing, comments and key order do not count."""
        return digest(self.document)


def build(document: dict[str, Any]) -> Definition:
    """The definition in a document that satisfies `workflow-1.json`."""
    spec = document["spec"]
    return Definition(
        name=document["metadata"]["name"],
        version=document["metadata"]["version"],
        trigger=_trigger(spec),
        models={alias: _model(pin) for alias, pin in spec.get("models", {}).items()},
        constants=spec.get("constants", {}),
        steps=tuple(step_of(step) for step in spec["steps"]),
        document=document,
        inputs=spec.get("inputs"),
        outputs=spec.get("outputs", {}),
        deadline_s=seconds(spec["deadline"]) if "deadline" in spec else None,
        priority=Priority[spec.get("priority", "normal").upper()],
        max_running=spec.get("concurrency", {}).get("max"),
    )


def _trigger(spec: dict[str, Any]) -> Trigger | None:
    return Trigger(**spec["trigger"]["webhook"]) if "trigger" in spec else None


def _model(pin: dict[str, Any]) -> ModelPin:
    return ModelPin(pin["provider"], pin["model"], tuple(pin.get("fallback", ())))


def document_of(value: Json) -> dict[str, Any]:
    """Narrow a parsed value that the schema has accepted."""
    if not isinstance(value, dict):
        raise TypeError("a definition is a mapping")
    return value
