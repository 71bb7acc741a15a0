"""CEL expressions in definitions: `${{ … }}` inside values, and bare ones behind `when:`.

The language is Google's Common Expression Language (github.com/google/cel-spec): total, no side effects,
bounded loops. The engine (cel-expr-python, C++ underneath) has its own limits on iterations and depth.

Names are closed: an environment declares `steps.<id>.output` and so on one by one, so that the type checker
itself reports an unknown step. Values are JSON without floats.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from cel_expr_python import cel

from controlplane.lib.errors import Invalid

MAX_LENGTH = 1000
MAX_NESTING = 30
MAX_LOOPS = 2
"""Loops inside loops. The engine itself stops an evaluation after 10,000 rounds."""

MOST_ROUNDS, MOST_READ = 10_000, 50_000_000
"""Rounds of all loops together, as the engine counts them; and rounds times the longest text that they may read,
in characters: about a second."""

MOST_VALUES, MOST_CHARACTERS = 50_000, 1_000_000
"""How large a result may be."""

_OPEN, _CLOSE = "${{", "}}"
_ERROR_AT = re.compile(r"<input>:(\d+):(\d+): ([^\n]*)")
_STRING = re.compile(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'', re.DOTALL)
_STEP = re.compile(r"\bsteps\.([A-Za-z_][A-Za-z0-9_]*)")
_LOOPS = "map|filter|all|exists|exists_one|transformList|transformMap|transformMapEntry"
_LOOP = re.compile(rf"\.\s*(?:{_LOOPS})\s*\(")
_BRACKET = re.compile(rf"(\.\s*(?:{_LOOPS})\s*)?\(|[\[{{}}\])]")
_WORD = re.compile(r"(?<![.\w])[A-Za-z_]\w*")
_MAPS = ("trigger", "event", "constants", "run")


class ExpressionError(Invalid):
    """An expression does not parse, names something unknown, or fails on the data. Never retried."""

    code, title = "expression_error", "An expression cannot be evaluated"


class ExpressionCostly(ExpressionError):
    """An expression is too large, loops too deep, or its data make it so. Never retried."""

    code, title = "expression_too_costly", "An expression costs too much"


@dataclass(frozen=True, slots=True)
class Literal:
    text: str


@dataclass(frozen=True, slots=True)
class Hole:
    """An expression inside a text; `offset` is where it starts in that text."""

    expression: str
    offset: int


def parts_of(text: str) -> tuple[Literal | Hole, ...]:
    """Cut a text at its `${{ … }}`; raises `ExpressionError` when one is not closed."""
    return tuple(_cut(text))


def _cut(text: str) -> Iterator[Literal | Hole]:
    position = 0
    while (start := text.find(_OPEN, position)) >= 0:
        if start > position:
            yield Literal(text[position:start])
        inner = start + len(_OPEN)
        end = _closing(text, inner)
        yield Hole(text[inner:end].strip(), inner)
        position = end + len(_CLOSE)
    if position < len(text):
        yield Literal(text[position:])


def _closing(text: str, position: int) -> int:
    """Where the expression ends: braces and quotes inside it do not count."""
    depth = 0
    while position < len(text):
        if quoted := _STRING.match(text, position):
            position = quoted.end()
            continue
        if depth == 0 and text.startswith(_CLOSE, position):
            return position
        depth += {"{": 1, "}": -1}.get(text[position], 0)
        position += 1
    raise ExpressionError("`${{` is not closed by `}}`")


@dataclass(frozen=True, slots=True)
class Names:
    """What an expression may refer to. `steps`: ids of steps; `maps`: of trigger, event, constants, run;
    `items`: what the item of a loop is called."""

    steps: frozenset[str]
    maps: frozenset[str] = frozenset({"trigger", "constants", "run"})
    items: frozenset[str] = frozenset()


def within_bounds(expression: str) -> None:
    """Refuse what is too long, nested too deep or loops in too many loops; raises `ExpressionCostly`."""
    if len(expression) > MAX_LENGTH:
        raise ExpressionCostly(f"longer than {MAX_LENGTH} characters")
    open_loops: list[bool] = []
    for opening in _BRACKET.finditer(_STRING.sub("''", expression)):
        if opening[0] in ")]}":
            del open_loops[-1:]
            continue
        open_loops.append(opening[1] is not None)
        if len(open_loops) > MAX_NESTING:
            raise ExpressionCostly(f"nested deeper than {MAX_NESTING}")
        if sum(open_loops) > MAX_LOOPS:
            raise ExpressionCostly(f"more than {MAX_LOOPS} loops inside each other")


def compile_expression(expression: str, names: Names) -> Any:
    """Check syntax and names; raises `ExpressionError` with line and column inside the expression."""
    within_bounds(expression)
    try:
        return _environment(names).compile(expression)
    except RuntimeError as error:
        raise problem_of(error) from error


def evaluate(expression: str, names: Names, values: Mapping[str, Any]) -> Any:
    """The JSON value of an expression. `values` holds `trigger`, `steps.<id>.output`, … by full name.

    Bounded: `ExpressionCostly` when data make a loop or its result too large.
    """
    compiled, loops = _compiled(expression, names)
    if loops:
        _small_enough(expression, values)
    try:
        result = compiled.eval(data=dict(values))
        plain = _Meter(expression).plain(result) if loops else result.plain_value()
    except (RuntimeError, ValueError, TypeError) as error:
        raise _failed(expression, str(error)) from error
    if result.type().name() == "ERROR":
        raise _failed(expression, str(plain))
    return _json(plain, expression)


def _failed(expression: str, problem: str) -> ExpressionError:
    kind = ExpressionCostly if "budget exceeded" in problem else ExpressionError
    return kind(f"`{expression}`: {problem}")


def _small_enough(expression: str, values: Mapping[str, Any]) -> None:
    """What all rounds together may read is bounded; what the expression does not name does not count."""
    named = [value for name, value in values.items() if name in expression]
    longest = max((len(text) for _, text in texts_in(named)), default=0)
    most = max((len(inner) for inner in _containers(named)), default=0)
    loops = min(len(_LOOP.findall(expression)), MAX_LOOPS)
    rounds = min(max(most, expression.count(",") + 1) ** loops, MOST_ROUNDS)
    if rounds * longest > MOST_READ:
        raise ExpressionCostly(f"`{expression}`: a loop over {most} members with a text of {longest} characters")


def _containers(value: Any) -> Iterator[Mapping[str, Any] | list[Any]]:
    if isinstance(value, Mapping | list):
        yield value
        for member in value.values() if isinstance(value, Mapping) else value:
            yield from _containers(member)


class _Meter:
    """Takes the result of a loop out piece by piece, and stops when it is too much."""

    def __init__(self, expression: str) -> None:
        self._expression = expression
        self._values = self._characters = 0

    def plain(self, value: Any) -> Any:
        inner = value.value()
        self._count(inner)
        if isinstance(inner, list):
            return [self.plain(member) for member in inner]
        if isinstance(inner, dict):
            return {key: self.plain(member) for key, member in inner.items()}
        return value.plain_value()

    def _count(self, inner: Any) -> None:
        self._values += 1
        self._characters += len(inner) if isinstance(inner, str) else 0
        if self._values > MOST_VALUES or self._characters > MOST_CHARACTERS:
            raise ExpressionCostly(f"`{self._expression}` makes more than a run can carry")


def holds(expression: str, names: Names, values: Mapping[str, Any]) -> bool:
    """A `when:` condition. Anything but true or false is an error, not a guess."""
    answer = evaluate(expression, names, values)
    if not isinstance(answer, bool):
        raise ExpressionError(f"`{expression}` is not true or false")
    return answer


def fill(tree: Any, names: Names, values: Mapping[str, Any]) -> Any:
    """A copy of a value with every `${{ … }}` evaluated. A text that is one expression keeps its type."""
    if isinstance(tree, Mapping):
        return {key: fill(member, names, values) for key, member in tree.items()}
    if isinstance(tree, list):
        return [fill(member, names, values) for member in tree]
    if isinstance(tree, str):
        return _fill_text(tree, names, values)
    return tree


def _fill_text(text: str, names: Names, values: Mapping[str, Any]) -> Any:
    parts = parts_of(text)
    if len(parts) == 1 and isinstance(parts[0], Hole):
        return evaluate(parts[0].expression, names, values)
    return "".join(part.text if isinstance(part, Literal) else _as_text(part, names, values) for part in parts)


def _as_text(hole: Hole, names: Names, values: Mapping[str, Any]) -> str:
    value = evaluate(hole.expression, names, values)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int):
        return str(value)
    raise ExpressionError(f"`{hole.expression}` is not a text or a number, so it cannot stand inside a text")


def texts_in(tree: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Every text in a value with the path to it."""
    if isinstance(tree, Mapping):
        for key, member in tree.items():
            yield from texts_in(member, (*path, key))
    elif isinstance(tree, list):
        for index, member in enumerate(tree):
            yield from texts_in(member, (*path, index))
    elif isinstance(tree, str):
        yield path, tree


def expressions_in(tree: Any) -> Iterator[str]:
    """Every expression in the texts of a value; texts that do not cut give none."""
    for _, text in texts_in(tree):
        try:
            parts = parts_of(text)
        except ExpressionError:
            continue
        yield from (part.expression for part in parts if isinstance(part, Hole))


def names_used(expressions: Sequence[str]) -> frozenset[str]:
    """The first words of everything that expressions refer to; text in quotes does not count."""
    return frozenset(word for text in expressions for word in _WORD.findall(_STRING.sub("''", text)))


def steps_named(expressions: Sequence[str]) -> frozenset[str]:
    """Ids of the steps that expressions refer to; text in quotes does not count."""
    bare = (_STRING.sub("''", expression) for expression in expressions)
    return frozenset(name for text in bare for name in _STEP.findall(text))


@lru_cache(maxsize=2048)
def _compiled(expression: str, names: Names) -> tuple[Any, bool]:
    """The program, and whether it has a loop."""
    return compile_expression(expression, names), _LOOP.search(_STRING.sub("''", expression)) is not None


@lru_cache(maxsize=256)
def _environment(names: Names) -> Any:
    anything = cel.Type("map<string, dyn>")
    variables = {name: anything for name in _MAPS if name in names.maps}
    for step in names.steps:  # a loop's output is a list
        variables[f"steps.{step}.output"] = cel.Type.DYN
        variables[f"steps.{step}.state"] = cel.Type.STRING
    variables |= dict.fromkeys(names.items, cel.Type.DYN)
    return cel.NewEnv(variables=variables)


def problem_of(error: RuntimeError) -> ExpressionError:
    """What the compiler says, with line and column inside the expression."""
    message = str(error)
    found = _ERROR_AT.search(message)
    if found is None:
        return ExpressionError(message.split("\n", 1)[0])
    line, column, problem = found.groups()
    return ExpressionError(problem, line=int(line), column=int(column))


def _json(value: Any, expression: str) -> Any:
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, list):
        return [_json(member, expression) for member in value]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {key: _json(member, expression) for key, member in value.items()}
    raise ExpressionError(f"`{expression}` gives a {type(value).__name__}: use text, whole numbers, lists and maps")
