"""From a step's `with:` to the arguments of its call: expressions filled, models and prompts put in."""

from collections.abc import Mapping, Sequence
from typing import Any

from workflows.definition.expressions import expressions_in, fill, holds, names_used, steps_named
from workflows.definition.model import MODEL_TOOL, Definition
from workflows.engine.work import Work
from workflows.models import Run, Step
from workflows.types import StepState


def wanted(work: Work, step: Step) -> bool:
    """Whether the step's `when:` holds, asked once for a whole loop; raises ExpressionError."""
    spec = work.spec(step)
    return spec.when is None or step.item is not None or holds(spec.when, work.definition.names, _values(work, step))


def filled(work: Work, step: Step) -> dict[str, Any]:
    """The step's own mapping with its expressions evaluated; raises ExpressionError, PayloadExpired."""
    spec = work.spec(step)
    values: dict[str, Any] = fill(spec.arguments, work.definition.names_of(spec), _values(work, step))
    return values


def arguments(work: Work, step: Step) -> dict[str, Any]:
    """What the tool is called with; raises ExpressionError, and PayloadExpired when an input is gone."""
    values = filled(work, step)
    if step.tool == MODEL_TOOL:
        return values | _of_model(work.definition, values, work.run.version.assets)
    return values


def text_of(work: Work, step: Step, text: str) -> Any:
    """The value of one text of the step."""
    return fill(text, work.definition.names, _values(work, step))


def items_of(work: Work, loop: Step) -> Any:
    """What a loop runs over: the same each time, since what it is made of does not change any more."""
    foreach, known = work.spec(loop).foreach, f"items:{loop.key}"
    if foreach is not None and known not in work.contents:
        work.contents[known] = text_of(work, loop, foreach.items)
    return work.contents[known]


def outputs(work: Work) -> dict[str, Any]:
    """What the run hands back; raises ExpressionError, PayloadExpired."""
    tree = work.definition.outputs
    values: dict[str, Any] = fill(tree, work.definition.names, _named(work, tuple(expressions_in(tree))))
    return values


def _of_model(definition: Definition, filled: Mapping[str, Any], assets: Mapping[str, Any]) -> dict[str, Any]:
    """Names become content: the version pins the text of its prompts and schemas, the run the model."""
    prompt, schema = filled["prompt"], filled["schema"]
    return {
        "model": definition.models[filled["model"]].model,
        "prompt": {"name": prompt, "text": assets[f"prompts/{prompt}"]},
        "schema": {"name": schema, "document": assets[f"schemas/{schema}"]},
    }


def _values(work: Work, step: Step) -> dict[str, Any]:
    spec = work.spec(step)
    values = _named(work, spec.expressions)
    if step.item is not None and spec.foreach is not None:
        values[spec.foreach.name] = items_of(work, work.steps[step.parent_key])[step.item]
    return values


def _named(work: Work, expressions: Sequence[str]) -> dict[str, Any]:
    """What the expressions name, and no more: content is encrypted, so reading it costs."""
    values: dict[str, Any] = {"constants": work.definition.constants, "run": _about(work.run)}
    if "trigger" in names_used(expressions):
        values["trigger"] = work.content(work.run.trigger_digest)
    for name in steps_named(expressions):
        step = work.steps[name]
        values[f"steps.{name}.output"] = _output(work, step)
        values[f"steps.{name}.state"] = step.state
    return values


def _output(work: Work, step: Step) -> Any:
    """A step that was skipped or failed has an empty output, so that `has(…)` can ask."""
    if step.state != StepState.SUCCEEDED:
        return {}
    return work.content(step.output_digest)


def _about(run: Run) -> dict[str, Any]:
    return {
        "id": str(run.pk),
        "workflow": run.workflow_name,
        "version": run.workflow_version,
        "ticket": {"id": run.ticket_id, "number": run.ticket_number},
    }
