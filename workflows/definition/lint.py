"""Saga lint: what a schema cannot say. Every check yields findings with a place and a remedy.

The promise behind it: a run that passed can be carried to its end or taken back to its start.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from connectors.types import Action, Kind, Reversibility
from workflows.definition.expressions import (
    ExpressionError,
    Hole,
    Names,
    compile_expression,
    parts_of,
    texts_in,
)
from workflows.definition.findings import Finding
from workflows.definition.graph import ancestors, cycle_in
from workflows.definition.model import MODEL_TOOL, Definition, StepKind, StepSpec
from workflows.definition.source import Source

MODEL_ARGUMENTS = frozenset({"model", "prompt", "input", "schema", "choices", "max_tokens"})
"""What `llm.generate` takes in a definition; the engine turns it into the tool's own arguments."""

_DATED = r"-\d{8}$|-\d{4}-\d{2}-\d{2}$"
_STAND_IN = r"^interlock-sandbox-\d+$"
_PINNED = {
    "openai": re.compile(rf"{_DATED}|{_STAND_IN}"),
    "anthropic": re.compile(rf"{_DATED}|^claude-[a-z]+-\d+(-\d+)?$|{_STAND_IN}"),
    "gemini": re.compile(rf"-\d{{3}}$|{_DATED}|{_STAND_IN}"),
}
_FLOATING = re.compile(r"(^|[-_.])(latest|auto|default|preview)$")

_EVENT_ONLY = Names(frozenset(), frozenset({"event"}))


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What a definition may name: tools by name, prompts and schemas as `name@version`."""

    tools: Mapping[str, Action]
    prompts: frozenset[str]
    schemas: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Subject:
    definition: Definition
    source: Source
    catalogue: Catalogue

    def finding(self, code: str, message: str, hint: str, *path: str | int) -> Finding:
        return Finding(code, message, hint, self.source.place("spec", *path))

    def steps(self) -> Iterator[tuple[int, StepSpec]]:
        return enumerate(self.definition.steps)

    def calls(self) -> Iterator[tuple[int, StepSpec]]:
        return ((index, step) for index, step in self.steps() if step.kind is StepKind.CALL)

    def action(self, step: StepSpec) -> Action | None:
        return self.catalogue.tools.get(step.tool)


def lint(definition: Definition, source: Source, catalogue: Catalogue) -> list[Finding]:
    """All findings, in the order of the file; an empty list means that the definition may be published."""
    subject = _Subject(definition, source, catalogue)
    found = [finding for check in _CHECKS for finding in check(subject)]
    return sorted(found, key=lambda f: (f.place.line, f.place.column, f.code))


def _duplicate_ids(subject: _Subject) -> Iterator[Finding]:
    seen: set[str] = set()
    for index, step in subject.steps():
        if step.id in seen:
            yield subject.finding(
                "duplicate_step", f"two steps are called `{step.id}`", "rename one", "steps", index, "id"
            )
        seen.add(step.id)


def _unknown_needs(subject: _Subject) -> Iterator[Finding]:
    known = subject.definition.names.steps
    for index, step in subject.steps():
        written = subject.definition.document["spec"]["steps"][index].get("needs", [])
        for position, needed in enumerate(written):
            if needed not in known:
                yield subject.finding(
                    "unresolved_reference",
                    f"`{step.id}` needs `{needed}`, which is no step",
                    f"use one of: {', '.join(sorted(known))}",
                    *("steps", index, "needs", position),
                )


def _cycles(subject: _Subject) -> Iterator[Finding]:
    cycle = cycle_in(subject.definition.needs)
    if cycle is None:
        return
    index = next(i for i, step in subject.steps() if step.id in cycle)
    yield subject.finding(
        "cycle",
        f"steps wait for each other: {' -> '.join(cycle)}",
        "remove one `needs` or one reference",
        *("steps", index),
    )


def _unknown_tools(subject: _Subject) -> Iterator[Finding]:
    for index, step in subject.calls():
        action = subject.action(step)
        if action is None:
            yield subject.finding(
                "unknown_tool",
                f"no connector offers `{step.tool}`",
                f"use one of: {', '.join(sorted(subject.catalogue.tools))}",
                *("steps", index, "call"),
            )
        elif step.tool_version not in {None, action.version}:
            yield subject.finding(
                "unknown_tool",
                f"`{step.tool}` has no version {step.tool_version}",
                f"write `{step.tool}@{action.version}` or leave the version out",
                *("steps", index, "call"),
            )


def _unknown_arguments(subject: _Subject) -> Iterator[Finding]:
    for index, step in subject.calls():
        action = subject.action(step)
        if action is None:
            continue
        for name in step.arguments.keys() - _arguments_of(action, step):
            yield subject.finding(
                "unknown_argument",
                f"`{step.tool}` takes no `{name}`",
                f"it takes: {', '.join(sorted(_arguments_of(action, step)))}",
                *("steps", index, "with", name),
            )


def _missing_arguments(subject: _Subject) -> Iterator[Finding]:
    for index, step in subject.calls():
        action = subject.action(step)
        if action is None:
            continue
        for name in _required_of(action) - step.arguments.keys():
            yield subject.finding(
                "missing_argument",
                f"`{step.tool}` needs `{name}`",
                f"add `{name}:` under `with:`",
                *("steps", index, "with"),
            )


def _arguments_of(action: Action, step: StepSpec) -> frozenset[str]:
    if action.tool == MODEL_TOOL:
        return MODEL_ARGUMENTS
    schema = action.args_schema
    closed = schema.get("additionalProperties") is False
    return frozenset(schema.get("properties", {})) if closed else frozenset(step.arguments)


def _required_of(action: Action) -> frozenset[str]:
    if action.tool == MODEL_TOOL:
        return frozenset({"model", "prompt", "input", "schema"})
    return frozenset(action.args_schema.get("required", ()))


def _expressions(subject: _Subject) -> Iterator[Finding]:
    document = subject.definition.document["spec"]
    for index, spec in subject.steps():
        step, names = document["steps"][index], subject.definition.names_of(spec)
        if "when" in step:
            where = ("steps", index, "when")
            yield from _bad(subject, step["when"], subject.definition.names, where, condition=True)
        for member in ("with", "compute", "wait"):
            for path, text in texts_in(step.get(member, {}), ("steps", index, member)):
                yield from _bad_text(subject, text, names, path)
        if spec.foreach is not None:
            yield from _bad_text(subject, spec.foreach.items, subject.definition.names, ("steps", index, "foreach"))
    for path, text in texts_in(document.get("outputs", {}), ("outputs",)):
        yield from _bad_text(subject, text, subject.definition.names, path)
    if subject.definition.trigger is not None:
        yield from _bad_text(subject, subject.definition.trigger.key, _EVENT_ONLY, ("trigger", "webhook", "key"))


def _bad_text(subject: _Subject, text: str, names: Names, path: tuple[str | int, ...]) -> Iterator[Finding]:
    try:
        parts = parts_of(text)
    except ExpressionError as error:
        yield subject.finding("bad_expression", error.detail, "close it with `}}`", *path)
        return
    for part in parts:
        if isinstance(part, Hole):
            yield from _bad(subject, part.expression, names, path)


def _bad(
    subject: _Subject, expression: str, names: Names, path: tuple[str | int, ...], *, condition: bool = False
) -> Iterator[Finding]:
    try:
        kind = compile_expression(expression, names).return_type().name()
    except ExpressionError as error:
        yield _expression_finding(subject, expression, names, error, path)
        return
    if condition and kind not in {"BOOL", "DYN"}:
        yield subject.finding("bad_expression", f"`{expression}` is a {kind}", "`when:` must be true or false", *path)


def _expression_finding(
    subject: _Subject, expression: str, names: Names, error: ExpressionError, path: tuple[str | int, ...]
) -> Finding:
    if "undeclared reference" in error.detail:
        known = sorted(names.maps) + [f"steps.{step}.output" for step in sorted(names.steps)]
        message = f"`{expression}`: {error.detail.partition(' (in')[0]}"
        return subject.finding("unresolved_reference", message, f"known are: {', '.join(known)}", *path)
    return subject.finding("bad_expression", f"`{expression}`: {error.detail}", "correct the CEL", *path)


def _model_steps(subject: _Subject) -> Iterator[Finding]:
    closed = {
        "model": frozenset(subject.definition.models),
        "prompt": subject.catalogue.prompts,
        "schema": subject.catalogue.schemas,
    }
    for index, step in subject.calls():
        if step.tool != MODEL_TOOL:
            continue
        for name, known in closed.items():
            value = step.arguments.get(name)
            if value is not None and (not isinstance(value, str) or value not in known):
                yield subject.finding(
                    "unresolved_reference",
                    f"there is no {name} `{value}`",
                    f"use one of: {', '.join(sorted(known)) or 'none is known'}",
                    *("steps", index, "with", name),
                )


def _unpinned_models(subject: _Subject) -> Iterator[Finding]:
    for alias, pin in subject.definition.models.items():
        named = [(pin.provider, pin.model), *(_split(fallback) for fallback in pin.fallback)]
        for provider, model in named:
            if not is_pinned(provider, model):
                yield subject.finding(
                    "unpinned_model",
                    f"`{provider}/{model}` may change under a running workflow",
                    "name an exact, dated model",
                    *("models", alias),
                )


def is_pinned(provider: str, model: str) -> bool:
    """Whether a model name means the same model tomorrow, by each provider's way of naming.

    A name of an unlisted provider (an Azure deployment) is pinned unless it says that it floats.
    """
    if _FLOATING.search(model):
        return False
    pattern = _PINNED.get(provider)
    return pattern is None or pattern.search(model) is not None


def _split(fallback: str) -> tuple[str, str]:
    provider, _, model = fallback.partition("/")
    return provider, model


def _writes_without_inverse(subject: _Subject) -> Iterator[Finding]:
    for index, step in subject.calls():
        action = subject.action(step)
        if action is None or action.kind is not Kind.WRITE or step.irreversible:
            continue
        if action.reversibility in {Reversibility.REVERSIBLE, Reversibility.COMPENSABLE} and action.undo_tool:
            continue
        yield subject.finding(
            "write_without_inverse",
            f"nothing takes back what `{step.tool}` does",
            "declare `irreversible: true` and make it the last step",
            *("steps", index, "call"),
        )


def _irreversible_before_fallible(subject: _Subject) -> Iterator[Finding]:
    if cycle_in(subject.definition.needs) is not None:
        return
    for index, step in subject.steps():
        if not step.irreversible:
            continue
        before = ancestors(subject.definition.needs, step.id)
        later = [other.id for other in subject.definition.steps if other.id not in before | {step.id}]
        if later:
            yield subject.finding(
                "irreversible_before_fallible",
                f"`{step.id}` cannot be taken back when {_listed(later)} fails",
                f"let `{step.id}` need {_listed(later)}",
                *("steps", index),
            )


def _listed(ids: list[str]) -> str:
    return ", ".join(f"`{step_id}`" for step_id in ids)


_CHECKS: tuple[Callable[[_Subject], Iterator[Finding]], ...] = (
    _duplicate_ids,
    _unknown_needs,
    _cycles,
    _unknown_tools,
    _unknown_arguments,
    _missing_arguments,
    _expressions,
    _model_steps,
    _unpinned_models,
    _writes_without_inverse,
    _irreversible_before_fallible,
)
