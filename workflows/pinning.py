"""What a run pins when it starts: tools by the manifest that their connector instance pins, models by name."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any
from uuid import UUID

from connectors import manifests
from connectors.models import ConnectorInstance
from connectors.types import Kind
from workflows.definition.model import MODEL_TOOL, Definition, StepKind, StepSpec, build
from workflows.errors import ConnectorMissing
from workflows.publishing import published


def pins(definition: Definition, workspace_id: UUID) -> dict[str, Any]:
    """`{steps: {id: pin}, models: {alias: provider/model}}`, and the distinct `tools` and `instances` for look-ups.

    The pin of a call is `{tool, version, kind, instance, manifest_digest, writes}`, that of a sub-run `{workflow,
    version, version_id, digest, instances, tools, writes}`; other steps have none. Raises ConnectorMissing when a
    connector instance is not there or lacks the tool's version, WorkflowUnknown when a sub-run's version is not.
    """
    found = {step.id: _PINS[step.kind](definition, step, workspace_id) for step in definition.steps}
    steps = {name: pin for name, pin in found.items() if pin}
    calls = [pin for pin in steps.values() if "tool" in pin]
    below = [pin for pin in steps.values() if "workflow" in pin]
    return {
        "steps": steps,
        "tools": sorted({pin["tool"] for pin in calls}.union(*(pin["tools"] for pin in below))),
        "instances": sorted({pin["instance"] for pin in calls}.union(*(pin["instances"] for pin in below))),
        "models": {alias: f"{pin.provider}/{pin.model}" for alias, pin in definition.models.items()},
    }


def _call(definition: Definition, step: StepSpec, workspace_id: UUID) -> dict[str, Any]:  # noqa: ARG001 - as in _PINS
    name = instance_of(definition, step)
    instance = ConnectorInstance.objects.filter(name=name, enabled=True).first()
    if instance is None:
        raise ConnectorMissing(f"step `{step.id}` needs the connector instance `{name}`")
    manifest = manifests.load(instance.driver, instance.manifest_version, digest=instance.manifest_digest)
    action = manifest.action(step.tool)
    if step.tool_version not in {None, action.version}:
        raise ConnectorMissing(f"`{name}` offers {step.tool} {action.version}, not {step.tool_version}")
    return {
        "tool": step.tool,
        "version": action.version,
        "kind": action.kind.value,
        "instance": name,
        "manifest_digest": manifest.digest,
        "writes": action.kind is Kind.WRITE,
    }


def _sub_run(definition: Definition, step: StepSpec, workspace_id: UUID) -> dict[str, Any]:
    if step.sub is None:
        raise ValueError(f"step {step.id} of {definition.name} names no workflow")
    version = published(workspace_id, step.sub.workflow, step.sub.version)
    below = pins(build(version.document), workspace_id)
    return {
        "workflow": step.sub.workflow,
        "version": version.version,
        "version_id": str(version.pk),
        "digest": version.digest,
        "instances": below["instances"],
        "tools": below["tools"],
        "writes": any(pin["writes"] for pin in below["steps"].values()),
    }


def _nothing(definition: Definition, step: StepSpec, workspace_id: UUID) -> dict[str, Any]:  # noqa: ARG001 - as in _PINS
    return {}


_PINS: Mapping[StepKind, Callable[[Definition, StepSpec, UUID], dict[str, Any]]] = MappingProxyType(
    {
        StepKind.CALL: _call,
        StepKind.RUN: _sub_run,
        StepKind.COMPUTE: _nothing,
        StepKind.WAIT: _nothing,
    }
)


def instance_of(definition: Definition, spec: StepSpec) -> str:
    """The connector instance of a step: the one it names, the model's provider, or the one called like the tool."""
    if spec.instance:
        return spec.instance
    if spec.tool == MODEL_TOOL:
        return definition.models[spec.arguments["model"]].provider
    return spec.tool.partition(".")[0]
