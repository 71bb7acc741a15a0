"""What a run pins when it starts: tools by the manifest that their connector instance pins, models by name."""

from typing import Any

from connectors import manifests
from connectors.models import ConnectorInstance
from workflows.definition.model import MODEL_TOOL, Definition, StepSpec
from workflows.errors import ConnectorMissing


def pins(definition: Definition) -> dict[str, Any]:
    """`{steps: {id: {tool, version, kind, instance, manifest_digest}}, models: {alias: provider/model}}`, and the
    distinct `tools` and `instances` for look-ups.

    Raises ConnectorMissing when a step's connector instance is not there or lacks the tool's version.
    """
    steps = {step.id: _step(definition, step) for step in definition.steps}
    return {
        "steps": steps,
        "tools": sorted({pin["tool"] for pin in steps.values()}),
        "instances": sorted({pin["instance"] for pin in steps.values()}),
        "models": {alias: f"{pin.provider}/{pin.model}" for alias, pin in definition.models.items()},
    }


def _step(definition: Definition, step: StepSpec) -> dict[str, str]:
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
    }


def instance_of(definition: Definition, spec: StepSpec) -> str:
    """The connector instance of a step: the one it names, the model's provider, or the one called like the tool."""
    if spec.instance:
        return spec.instance
    if spec.tool == MODEL_TOOL:
        return definition.models[spec.arguments["model"]].provider
    return spec.tool.partition(".")[0]
