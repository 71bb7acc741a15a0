"""JSON Schemas that tenants write: which are read, and how data are held against them. Pure.

Patterns are matched by RE2 (through CEL), in time linear to the text: a tenant's pattern meets data that a stranger
sends.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cel_expr_python import cel
from jsonschema import Draft202012Validator, validators
from jsonschema.exceptions import SchemaError, ValidationError

from workflows.definition.source import Path

_REFUSED = frozenset({"$ref", "$dynamicRef", "patternProperties", "$id", "$schema"})
_MATCHES = cel.NewEnv(variables={"text": cel.Type.STRING, "pattern": cel.Type.STRING}).compile("text.matches(pattern)")


@dataclass(frozen=True, slots=True)
class Problem:
    message: str
    path: Path


def schema_problem(schema: Mapping[str, Any]) -> Problem | None:
    """Why a schema cannot describe inputs, and where; None when it can."""
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        return Problem(error.message[:200], tuple(error.absolute_path))
    if schema.get("type") != "object":
        return Problem("inputs are an object", ("type",))
    return next(_unusable(schema, ()), None)


def _unusable(part: Any, path: Path) -> Iterator[Problem]:
    for name, member in part.items() if isinstance(part, Mapping) else ():
        if name in _REFUSED and isinstance(member, str | Mapping):
            yield Problem(f"`{name}` is not read here", (*path, name))
        elif name == "pattern" and isinstance(member, str) and not _is_pattern(member):
            yield Problem(f"`{member[:60]}` is no pattern of RE2", (*path, name))
        elif isinstance(member, Mapping):
            yield from _unusable(member, (*path, name))
        elif isinstance(member, list):
            for index, item in enumerate(member):
                yield from _unusable(item, (*path, name, index))


def _is_pattern(pattern: str) -> bool:
    return _match("", pattern) is not None


def _match(text: str, pattern: str) -> bool | None:
    """Whether a text has the pattern; None for what RE2 does not read."""
    try:
        answer = _MATCHES.eval(data={"text": text, "pattern": pattern}).plain_value()
    except RuntimeError:
        return None
    return answer if isinstance(answer, bool) else None


def _pattern(_: Any, pattern: str, instance: Any, __: Any) -> Iterator[ValidationError]:
    if isinstance(instance, str) and not _match(instance, pattern):
        yield ValidationError(f"{instance[:60]!r} does not match {pattern!r}")


LinearValidator = validators.extend(Draft202012Validator, {"pattern": _pattern})  # type: ignore[no-untyped-call]
