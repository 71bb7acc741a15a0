"""What each expression of a definition may refer to, and what shape that has. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from workflows.definition.expressions import ExpressionError, Hole, parts_of, steps_named
from workflows.definition.graph import order_of
from workflows.definition.model import MODEL_TOOL, StepKind, StepSpec
from workflows.definition.shapes import Fields, ListOf, MapOf, Plain, Shape, fields, from_schema, of_value
from workflows.definition.subject import Subject
from workflows.definition.typed import Types

UNKNOWN = MapOf(Plain.ANY)

_RUN = Fields(
    {
        "id": Plain.TEXT,
        "workflow": Plain.TEXT,
        "version": Plain.TEXT,
        "ticket": Fields({"id": Plain.TEXT, "number": Plain.TEXT}),
    }
)


class Scope:
    """Shapes of a definition: of its trigger, its constants, and the output of every step."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        inputs = subject.definition.inputs
        self._common: dict[str, Shape] = {
            "trigger": UNKNOWN if inputs is None else from_schema(inputs, closed=True),
            "constants": of_value(dict(subject.definition.constants), named=True),
            "run": _RUN,
        }
        self._outputs: dict[str, Shape] = {}
        self._find_outputs()

    def types_of(self, step: StepSpec) -> Types:
        """For what is evaluated once per item, in a loop; else once."""
        item = {} if step.foreach is None else {step.foreach.name: self.item(step)}
        return Types(self._variables(step.expressions) | item)

    def types_for(self, expressions: Iterable[str]) -> Types:
        """For what is evaluated once, outside of a loop's items."""
        return Types(self._variables(expressions))

    def item(self, step: StepSpec) -> Shape:
        """The shape of a loop's item."""
        if step.foreach is None:
            return Plain.ANY
        return _item_of(shape_of(step.foreach.items, self.types_for(step.expressions)))

    @property
    def known(self) -> str:
        """For hints: everything there is to refer to."""
        steps = [f"steps.{step}.output" for step in sorted(self._subject.needs)]
        return ", ".join([*sorted(self._common), *steps])

    def _find_outputs(self) -> None:
        """Each step's after those that it needs; nothing is known in a cycle."""
        specs = {step.id: step for step in self._subject.definition.steps}
        for step_id in order_of(self._subject.needs) if self._subject.cycle is None else ():
            step = specs[step_id]
            once = self._output(step)
            self._outputs[step_id] = once if step.foreach is None else ListOf(once)

    def _variables(self, expressions: Iterable[str]) -> dict[str, Shape]:
        variables = dict(self._common)
        for step in steps_named(tuple(expressions)) & self._subject.needs.keys():
            variables[f"steps.{step}.output"] = self._outputs.get(step, Plain.ANY)
            variables[f"steps.{step}.state"] = Plain.TEXT
        return variables

    def _output(self, step: StepSpec) -> Shape:
        if step.kind is StepKind.COMPUTE:
            return _fields_of(step.arguments, self.types_of(step))
        if step.kind is StepKind.RUN:
            published = self._subject.published(step)
            return UNKNOWN if published is None else fields(dict.fromkeys(sorted(published.outputs), Plain.ANY))
        if step.tool == MODEL_TOOL:
            return self._answer(step)
        action = self._subject.action(step)
        return UNKNOWN if action is None else from_schema(action.output_schema)

    def _answer(self, step: StepSpec) -> Shape:
        """What a model answers: the result by its schema, the labels of what it chose, and who answered."""
        action = self._subject.action(step)
        result = from_schema(self._subject.catalogue.schemas.get(str(step.arguments.get("schema"))), closed=True)
        if action is None or not isinstance(result, Fields):
            return UNKNOWN
        about = from_schema(action.output_schema, closed=True)
        return fields({**result.members, **(about.members if isinstance(about, Fields) else {})})


def scope_of(subject: Subject) -> Scope:
    """The scope of a definition, found out once."""
    if "scope" not in subject.memo:
        subject.memo["scope"] = Scope(subject)
    scope: Scope = subject.memo["scope"]
    return scope


def shape_of(tree: Any, types: Types) -> Shape:
    """The shape of a value with expressions once it is filled; of what does not check, nothing is known."""
    if isinstance(tree, str):
        return _shape_of_text(tree, types)
    if isinstance(tree, list):
        return ListOf(Plain.ANY)
    return MapOf(Plain.ANY) if isinstance(tree, dict) else of_value(tree)


def _fields_of(tree: Mapping[str, Any], types: Types) -> Shape:
    return fields({name: shape_of(member, types) for name, member in tree.items()})


def _shape_of_text(text: str, types: Types) -> Shape:
    try:
        parts = parts_of(text)
        if len(parts) == 1 and isinstance(parts[0], Hole):
            return types.check(parts[0].expression)
    except ExpressionError:
        return Plain.ANY
    return Plain.TEXT


def _item_of(shape: Shape) -> Shape:
    return shape.item if isinstance(shape, ListOf) else Plain.ANY


def holes_in(text: str) -> Iterator[Hole]:
    """The expressions of a text; raises ExpressionError when one is not closed."""
    return (part for part in parts_of(text) if isinstance(part, Hole))
