"""Every expression parses, names what is there, surely ran before, and gives what its place can take."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from workflows.definition.expressions import (
    ExpressionCostly,
    ExpressionError,
    Hole,
    expressions_in,
    parts_of,
    steps_named,
    texts_in,
)
from workflows.definition.findings import Finding
from workflows.definition.model import OnFailure, StepSpec
from workflows.definition.scope import UNKNOWN, holes_in, scope_of
from workflows.definition.shapes import ListOf, Plain, say
from workflows.definition.source import Path
from workflows.definition.subject import Subject
from workflows.definition.typed import Types

_STRUCT = re.compile(r"shape\.M\d+")
_NO_MEMBER = re.compile(r"undefined field '(\w+)'")
_IN_TEXT = frozenset({Plain.TEXT, Plain.WHOLE, Plain.TRUTH, Plain.ANY})


@dataclass(frozen=True, slots=True)
class _Bench:
    """Where expressions of one place are tried: the types, and how a finding about them is made."""

    subject: Subject
    types: Types
    known: str

    def bad(self, message: str, hint: str, path: Path) -> Finding:
        return self.subject.finding("bad_expression", message, hint, *path)

    def text(self, text: str, path: Path) -> Iterator[Finding]:
        """A text that may hold expressions: on its own one keeps its type, among words it becomes text."""
        try:
            parts = parts_of(text)
        except ExpressionError as error:
            yield self.bad(error.detail, "close it with `}}`", path)
            return
        for part in parts:
            if isinstance(part, Hole):
                yield from self._hole(part.expression, path, among_words=len(parts) > 1)

    def one(self, expression: str, path: Path, wanted: str, accepted: type | Plain) -> Iterator[Finding]:
        """An expression whose result must be of one kind."""
        try:
            shape = self.types.check(expression)
        except ExpressionError as error:
            yield self._refused(expression, error, path)
            return
        fits = shape is accepted if isinstance(accepted, Plain) else isinstance(shape, accepted)
        if shape is not Plain.ANY and not fits:
            yield self.bad(f"`{expression}` is {say(shape)}", f"it must be {wanted}", path)

    def _hole(self, expression: str, path: Path, *, among_words: bool) -> Iterator[Finding]:
        try:
            shape = self.types.check(expression)
        except ExpressionError as error:
            yield self._refused(expression, error, path)
            return
        if among_words and shape not in _IN_TEXT:
            yield self.bad(
                f"`{expression}` is {say(shape)} and cannot stand inside a text", "name a member of it", path
            )

    def _refused(self, expression: str, error: ExpressionError, path: Path) -> Finding:
        if isinstance(error, ExpressionCostly):
            hint = "compute parts of it in a step of its own"
            return self.subject.finding(error.code, f"`{expression[:80]}`: {error.detail}", hint, *path)
        message = f"`{expression}`: {_plain(error.detail)}"
        if "undeclared reference" in error.detail:
            return self.subject.finding("unresolved_reference", message, f"known are: {self.known}", *path)
        if "undefined field" in error.detail:
            return self.subject.finding("unresolved_reference", message, self._members(error.detail), *path)
        return self.bad(message, _remedy(error.detail), path)

    def _members(self, detail: str) -> str:
        struct = _STRUCT.search(detail)
        return f"it has: {', '.join(self.types.members(struct[0]))}" if struct else "use a member that it has"


def in_steps(subject: Subject) -> Iterator[Finding]:
    scope = scope_of(subject)
    for index, step in subject.steps():
        per_item, at = _Bench(subject, scope.types_of(step), scope.known), ("steps", index)
        for member in ("with", "compute"):
            for path, text in texts_in(subject.written(index).get(member, {}), (*at, member)):
                yield from per_item.text(text, path)
        yield from _once(_Bench(subject, scope.types_for(step.expressions), scope.known), step, at)


def in_outputs(subject: Subject) -> Iterator[Finding]:
    scope = scope_of(subject)
    outputs = subject.definition.outputs
    bench = _Bench(subject, scope.types_for(tuple(expressions_in(outputs))), scope.known)
    for path, text in texts_in(outputs, ("outputs",)):
        yield from bench.text(text, path)


def in_trigger(subject: Subject) -> Iterator[Finding]:
    trigger = subject.definition.trigger
    if trigger is not None:
        bench = _Bench(subject, Types({"event": UNKNOWN}), "event")
        yield from bench.text(trigger.key, ("trigger", "webhook", "key"))


def may_not_have_run(subject: Subject) -> Iterator[Finding]:
    """The output of a step that may have been skipped, or may have failed and been passed over, is empty."""
    specs = {step.id: step for step in subject.definition.steps}
    loose = {step_id for step_id, step in specs.items() if step.when or step.on_failure is OnFailure.CONTINUE}
    for index, step in subject.steps():
        sure = _guarded(step, specs)
        for member in ("with", "compute", "wait", "foreach"):
            for path, text in texts_in(subject.written(index).get(member, {}), ("steps", index, member)):
                yield from _loose_ends(subject, text, path, loose - sure)
        if step.when:
            yield from _loose_in(subject, step.when, ("steps", index, "when"), loose)
    for path, text in texts_in(subject.definition.outputs, ("outputs",)):
        yield from _loose_ends(subject, text, path, loose)


def _once(bench: _Bench, step: StepSpec, at: Path) -> Iterator[Finding]:
    """What is evaluated once per step: the condition, the list of a loop, the end of a wait."""
    if step.when is not None:
        yield from bench.one(step.when, (*at, "when"), "true or false", Plain.TRUTH)
    if step.foreach is not None:
        yield from _only(bench, step.foreach.items, (*at, "foreach", "items"), "a list", ListOf)
    if step.wait is not None and step.wait.until is not None and not _is_time(step.wait.until):
        yield from _only(bench, step.wait.until, (*at, "wait", "until"), "a time as text (RFC 3339)", Plain.TEXT)


def _is_time(text: str) -> bool:
    """A literal such as 2027-01-31T09:00:00Z."""
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def _only(bench: _Bench, text: str, path: Path, wanted: str, accepted: type | Plain) -> Iterator[Finding]:
    try:
        parts = parts_of(text)
    except ExpressionError as error:
        yield bench.bad(error.detail, "close it with `}}`", path)
        return
    if len(parts) != 1 or not isinstance(parts[0], Hole):
        yield bench.bad(f"`{text[:80]}` is not one expression", "write `${{ … }}` and nothing beside it", path)
        return
    yield from bench.one(parts[0].expression, path, wanted, accepted)


def _guarded(step: StepSpec, specs: dict[str, StepSpec]) -> frozenset[str]:
    """Steps that surely ran when this one does: its condition asks about them, or is theirs."""
    asked = _asked_in(step.when)
    inherited = {deeper for name in asked if name in specs for deeper in _asked_in(specs[name].when)}
    same = {other.id for other in specs.values() if step.when and other.when == step.when and _undoes(other)}
    return frozenset(asked | inherited | same)


def _asked_in(when: str | None) -> set[str]:
    return {name for name in steps_named((when,)) if _asks(when, name)} if when else set()


def _undoes(step: StepSpec) -> bool:
    return step.on_failure is OnFailure.UNDO


def _loose_ends(subject: Subject, text: str, path: Path, loose: set[str]) -> Iterator[Finding]:
    try:
        holes = list(holes_in(text))
    except ExpressionError:
        return
    for hole in holes:
        yield from _loose_in(subject, hole.expression, path, loose)


def _loose_in(subject: Subject, expression: str, path: Path, loose: set[str]) -> Iterator[Finding]:
    for name in sorted(steps_named((expression,)) & loose):
        if not _asks(expression, name):
            yield subject.finding(
                "may_not_have_run",
                f"`{expression}`: `{name}` may have been skipped, its output is then empty",
                f"ask first: `when: steps.{name}.state == 'SUCCEEDED'`, or `has(steps.{name}.output.…)`",
                *path,
            )


def _asks(expression: str, name: str) -> bool:
    return (
        re.search(rf"\bsteps\.{name}\.state\b|\bhas\(\s*(?:dyn\(\s*)?steps\.{name}\.output\b", expression) is not None
    )


def _plain(detail: str) -> str:
    if missing := _NO_MEMBER.search(detail):
        return f"there is no member `{missing[1]}`"
    return _STRUCT.sub("an object of known members", detail.partition(" (in")[0])


def _remedy(detail: str) -> str:
    if "no matching overload" in detail and "shape.M" in detail:
        return "ask for members by name, `has(x.name)`; `dyn(…)` around the object switches the check off"
    return "correct the CEL"


CHECKS = (in_steps, in_outputs, in_trigger, may_not_have_run)
