"""The trigger of a run against what its workflow takes. Pure."""

from typing import Any

from jsonschema import FormatChecker

from workflows.definition.json_schema import LinearValidator
from workflows.definition.model import Definition
from workflows.errors import InputsInvalid

MOST = 5
"""So many breaches are told at once."""


def check_inputs(definition: Definition, trigger: dict[str, Any]) -> None:
    """Raises InputsInvalid, which names the members that are wrong, by path."""
    if definition.inputs is None:
        return
    validator = LinearValidator(definition.inputs, format_checker=FormatChecker())
    found = sorted(
        validator.iter_errors(trigger), key=lambda error: (list(map(str, error.absolute_path)), error.message)
    )
    if found:
        words = (
            f"{'/'.join(map(str, ('trigger', *error.absolute_path)))}: {error.message[:200]}" for error in found[:MOST]
        )
        raise InputsInvalid("; ".join(words), field="trigger")
