"""What a step hands over: known names, none missing, literals that the schema takes, expressions that may fit."""

from collections.abc import Iterator, Mapping
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from connectors.types import Action
from workflows.definition.expressions import texts_in
from workflows.definition.findings import Finding
from workflows.definition.json_schema import schema_problem
from workflows.definition.model import MODEL_TOOL, StepSpec
from workflows.definition.scope import scope_of, shape_of
from workflows.definition.shapes import fits, from_schema, say
from workflows.definition.source import Path
from workflows.definition.subject import Subject, offered
from workflows.definition.typed import Types

MODEL_ARGUMENTS = frozenset({"model", "prompt", "input", "schema", "choices", "max_tokens"})
"""What `llm.generate` takes in a definition; the engine turns it into the tool's own arguments."""

_MODEL_NEEDS = frozenset({"model", "prompt", "input", "schema"})


def of_tools(subject: Subject) -> Iterator[Finding]:
    for index, step, action in subject.calls():
        known, needed = _known(action), _needed(action)
        yield from _names(subject, index, step, f"`{step.tool}`", known, needed)


def of_sub_runs(subject: Subject) -> Iterator[Finding]:
    for index, step, published in subject.subs():
        inputs = published.inputs or {}
        closed = inputs.get("additionalProperties") is False
        known = frozenset(inputs.get("properties", {})) if closed else None
        taker = f"`{subject.written(index)['run']['workflow']}`"
        yield from _names(subject, index, step, taker, known, frozenset(inputs.get("required", ())))


def of_the_right_kind(subject: Subject) -> Iterator[Finding]:
    scope = scope_of(subject)
    for index, step, schema in _schemas(subject):
        types = scope.types_of(step)
        for name, value in step.arguments.items():
            inner = schema.get("properties", {}).get(name)
            if isinstance(inner, Mapping):
                yield from _value(subject, types, value, inner, ("steps", index, "with", name))


def of_the_workflow(subject: Subject) -> Iterator[Finding]:
    """The schema of the workflow's own inputs."""
    inputs = subject.definition.inputs
    problem = None if inputs is None else schema_problem(inputs)
    if problem is not None:
        hint = "write a JSON Schema (2020-12) of an object, without references to other documents"
        yield subject.finding("bad_schema", problem.message, hint, "inputs", *problem.path)


def _schemas(subject: Subject) -> Iterator[tuple[int, StepSpec, Mapping[str, Any]]]:
    for index, step, action in subject.calls():
        if step.tool != MODEL_TOOL:
            yield index, step, action.args_schema
    for index, step, published in subject.subs():
        yield index, step, published.inputs or {}


def _names(
    subject: Subject, index: int, step: StepSpec, taker: str, known: frozenset[str] | None, needed: frozenset[str]
) -> Iterator[Finding]:
    for name in step.arguments.keys() - (known if known is not None else step.arguments.keys()):
        message = f"{taker} takes no `{name}`"
        yield subject.finding("unknown_argument", message, offered(known or frozenset()), "steps", index, "with", name)
    for name in needed - step.arguments.keys():
        message = f"{taker} needs `{name}`"
        yield subject.finding("missing_argument", message, f"add `{name}:` under `with:`", "steps", index, "with")


def _known(action: Action) -> frozenset[str] | None:
    """The names that a tool takes; None when it takes any."""
    if action.tool == MODEL_TOOL:
        return MODEL_ARGUMENTS
    schema = action.args_schema
    return frozenset(schema.get("properties", {})) if schema.get("additionalProperties") is False else None


def _needed(action: Action) -> frozenset[str]:
    return _MODEL_NEEDS if action.tool == MODEL_TOOL else frozenset(action.args_schema.get("required", ()))


def _value(subject: Subject, types: Types, value: Any, schema: Mapping[str, Any], path: Path) -> Iterator[Finding]:
    """A literal is validated; of a value with expressions the shape is compared, member by member."""
    if not any("${{" in text for _, text in texts_in(value)):
        yield from _literal(subject, value, schema, path)
    elif isinstance(value, Mapping):
        for name, member in value.items():
            inner = schema.get("properties", {}).get(name)
            if isinstance(inner, Mapping):
                yield from _value(subject, types, member, inner, (*path, name))
            elif schema.get("additionalProperties") is False:
                yield subject.finding(
                    "unknown_argument", f"`{name}` means nothing here", _names_of(schema), *path, name
                )
    else:
        given, wanted = shape_of(value, types), from_schema(schema)
        if not fits(given, wanted):
            yield _misfit(subject, f"this is {say(given)}", f"it must be {say(wanted)}", path)


def _literal(subject: Subject, value: Any, schema: Mapping[str, Any], path: Path) -> Iterator[Finding]:
    try:
        error = next(iter(Draft202012Validator(schema).iter_errors(value)), None)
    except (SchemaError, ValueError, RecursionError):
        return
    if error is not None:
        yield _misfit(subject, error.message[:200], "write a value that the schema takes", path)


def _misfit(subject: Subject, message: str, hint: str, path: Path) -> Finding:
    return subject.finding("bad_argument", message, hint, *path)


def _names_of(schema: Mapping[str, Any]) -> str:
    return offered(frozenset(schema.get("properties", {})))


CHECKS = (of_tools, of_sub_runs, of_the_right_kind, of_the_workflow)
