"""From a step's `with:` to the arguments of its call: expressions filled, models and prompts put in."""

from collections.abc import Mapping
from typing import Any

from workflows.definition.expressions import fill, holds, steps_named
from workflows.definition.model import MODEL_TOOL, Definition, StepSpec
from workflows.engine.work import Work
from workflows.models import Run, Step
from workflows.types import StepState


def wanted(work: Work, step: Step) -> bool:
    """Whether the step's `when:` holds; raises ExpressionError."""
    spec = work.spec(step)
    return spec.when is None or holds(spec.when, work.definition.names, _values(work, spec))


def arguments(work: Work, step: Step) -> dict[str, Any]:
    """What the tool is called with; raises ExpressionError, and PayloadExpired when an input is gone."""
    spec = work.spec(step)
    filled: dict[str, Any] = fill(spec.arguments, work.definition.names, _values(work, spec))
    if spec.tool == MODEL_TOOL:
        return filled | _of_model(work.definition, filled, work.run.version.assets)
    return filled


def _of_model(definition: Definition, filled: Mapping[str, Any], assets: Mapping[str, Any]) -> dict[str, Any]:
    """Names become content: the version pins the text of its prompts and schemas, the run the model."""
    prompt, schema = filled["prompt"], filled["schema"]
    return {
        "model": definition.models[filled["model"]].model,
        "prompt": {"name": prompt, "text": assets[f"prompts/{prompt}"]},
        "schema": {"name": schema, "document": assets[f"schemas/{schema}"]},
    }


def _values(work: Work, spec: StepSpec) -> dict[str, Any]:
    """What the step's expressions name, and no more: content is encrypted, so reading it costs."""
    expressions = spec.expressions
    values: dict[str, Any] = {"constants": work.definition.constants, "run": _about(work.run)}
    if any("trigger" in expression for expression in expressions):
        values["trigger"] = work.content(work.run.trigger_digest)
    for name in steps_named(expressions):
        step = work.steps[name]
        values[f"steps.{name}.output"] = _output(work, step)
        values[f"steps.{name}.state"] = step.state
    return values


def _output(work: Work, step: Step) -> dict[str, Any]:
    """A skipped step has an empty output, so that `has(…)` can ask."""
    if step.state != StepState.SUCCEEDED:
        return {}
    found: dict[str, Any] = work.content(step.output_digest)
    return found


def _about(run: Run) -> dict[str, Any]:
    return {
        "id": str(run.pk),
        "workflow": run.workflow_name,
        "version": run.workflow_version,
        "ticket": {"id": run.ticket_id, "number": run.ticket_number},
    }
