"""From text to a checked definition."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema.exceptions import ValidationError

from workflows.definition.catalogue import Catalogue
from workflows.definition.findings import DefinitionRefused, Finding
from workflows.definition.json_schema import LinearValidator
from workflows.definition.lint import lint
from workflows.definition.model import Definition, build, document_of
from workflows.definition.source import Source, parse

_SCHEMA = Path(__file__).resolve().parent.parent / "schemas" / "workflow-1.json"
_ALTERNATIVES = ("call", "compute", "wait", "run")


@dataclass(frozen=True, slots=True)
class Reading:
    """A definition that satisfies the schema, and where each part of it stands."""

    definition: Definition
    source: Source


def read(text: str, *, file: str) -> Reading:
    """Parse and validate; raises `DefinitionRefused` with all findings of the first bad stage."""
    source = parse(text, file=file)
    if findings := schema_findings(source):
        raise DefinitionRefused(findings)
    return Reading(build(document_of(source.value)), source)


def examine(reading: Reading, catalogue: Catalogue) -> Definition:
    """The definition, when lint has nothing to say; else raises `DefinitionRefused`."""
    if findings := lint(reading.definition, reading.source, catalogue):
        raise DefinitionRefused(findings)
    return reading.definition


def load(text: str, *, file: str, catalogue: Catalogue) -> Definition:
    """From text to a checked definition; raises `DefinitionRefused`."""
    return examine(read(text, file=file), catalogue)


def schema_findings(source: Source) -> list[Finding]:
    """Where the document departs from `workflow-1.json`, in the order of the file."""
    found = [_finding(source, error) for error in _validator().iter_errors(source.value)]
    return sorted(found, key=lambda f: (f.place.line, f.place.column, f.message))


def _finding(source: Source, error: ValidationError) -> Finding:
    path = (*error.absolute_path, *_unexpected(error))
    return Finding(_code(error), _message(error), _hint(error), source.place(*path))


def _code(error: ValidationError) -> str:
    """`schema`, or what the schema itself calls a breach of this part (`x-code`)."""
    schema: Any = error.schema
    return str(schema.get("x-code", "schema")) if isinstance(schema, dict) else "schema"


def _message(error: ValidationError) -> str:
    if error.validator == "oneOf" and isinstance(error.instance, dict):
        found = [name for name in _ALTERNATIVES if name in error.instance]
        return f"this step has {' and '.join(f'`{name}`' for name in found) or 'nothing to do'}"
    return error.message[:300]


def _unexpected(error: ValidationError) -> tuple[str, ...]:
    """The first member that the schema does not know, so that the finding stands on its line."""
    if error.validator != "additionalProperties" or not isinstance(error.instance, dict):
        return ()
    known = error.schema.get("properties", {}) if isinstance(error.schema, dict) else {}
    return tuple(name for name in error.instance if name not in known)[:1]


def _hint(error: ValidationError) -> str:
    schema: Any = error.schema
    if isinstance(schema, dict) and "$comment" in schema and error.validator != "additionalProperties":
        return str(schema["$comment"])
    if error.validator == "additionalProperties" and isinstance(schema, dict):
        return f"known here are: {', '.join(schema.get('properties', {}))}"
    if error.validator == "required":
        return "add it"
    return f"see workflow-1.json, `{error.validator}`"


@cache
def _validator() -> Any:
    return LinearValidator(json.loads(_SCHEMA.read_text()))
