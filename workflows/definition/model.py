"""A checked workflow definition as frozen values. Rows keep the document; these are rebuilt from it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import Any

from controlplane.lib.canonical import Json, digest
from workflows.definition.expressions import ExpressionError, Hole, Names, parts_of, steps_named, texts_in

DEFAULT_RETRIES = 3
DEFAULT_TIMEOUT_S = 600
MODEL_TOOL = "llm.generate"

_SECONDS = {"s": 1, "m": 60, "h": 3600}


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
class StepSpec:
    """One step. `needs` are the ids it waits for: those written down and those its expressions name.

    `timeout_s`: how long transient failures may be retried, counted from the first attempt.
    """

    id: str
    tool: str
    tool_version: str | None
    instance: str | None
    arguments: dict[str, Any]
    needs: frozenset[str]
    when: str | None
    max_retries: int
    timeout_s: int
    irreversible: bool
    expressions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Definition:
    name: str
    version: str
    trigger: Trigger | None
    models: Mapping[str, ModelPin]
    constants: Mapping[str, Any]
    steps: tuple[StepSpec, ...]
    document: dict[str, Any] = field(repr=False)

    def step(self, step_id: str) -> StepSpec:
        return next(step for step in self.steps if step.id == step_id)

    @property
    def names(self) -> Names:
        """What expressions in steps may refer to."""
        return Names(frozenset(step.id for step in self.steps))

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
        steps=tuple(_step(step) for step in spec["steps"]),
        document=document,
    )


def _trigger(spec: dict[str, Any]) -> Trigger | None:
    return Trigger(**spec["trigger"]["webhook"]) if "trigger" in spec else None


def _model(pin: dict[str, Any]) -> ModelPin:
    return ModelPin(pin["provider"], pin["model"], tuple(pin.get("fallback", ())))


def _step(step: dict[str, Any]) -> StepSpec:
    tool, _, version = step["call"].partition("@")
    expressions = tuple(_expressions_of(step))
    timeout = step.get("timeout")
    return StepSpec(
        id=step["id"],
        tool=tool,
        tool_version=version or None,
        instance=step.get("instance"),
        arguments=step.get("with", {}),
        needs=frozenset(step.get("needs", ())) | steps_named(expressions),
        when=step.get("when"),
        max_retries=step.get("retry", {}).get("max", DEFAULT_RETRIES),
        timeout_s=seconds(timeout) if timeout else DEFAULT_TIMEOUT_S,
        irreversible=step.get("irreversible", False),
        expressions=expressions,
    )


def seconds(duration: str) -> int:
    """`90s`, `5m`, `2h` in seconds."""
    return int(duration[:-1]) * _SECONDS[duration[-1]]


def _expressions_of(step: dict[str, Any]) -> Iterator[str]:
    """Every expression of a step; texts that do not cut are left to the lint."""
    if "when" in step:
        yield step["when"]
    for _, text in texts_in(step.get("with", {})):
        try:
            parts = parts_of(text)
        except ExpressionError:
            continue
        yield from (part.expression for part in parts if isinstance(part, Hole))


def cycle_in(steps: tuple[StepSpec, ...]) -> list[str] | None:
    """The ids of one cycle of `needs`, or None."""
    try:
        tuple(TopologicalSorter({step.id: step.needs for step in steps}).static_order())
    except CycleError as error:
        return list(error.args[1])
    return None


def ancestors(steps: tuple[StepSpec, ...], step_id: str) -> frozenset[str]:
    """Every step that surely ran before this one. The graph must be free of cycles."""
    needs = {step.id: step.needs for step in steps}
    found: set[str] = set()
    queue = list(needs[step_id])
    while queue:
        current = queue.pop()
        if current not in found:
            found.add(current)
            queue.extend(needs.get(current, ()))
    return frozenset(found)


def document_of(value: Json) -> dict[str, Any]:
    """Narrow a parsed value that the schema has accepted."""
    if not isinstance(value, dict):
        raise TypeError("a definition is a mapping")
    return value
