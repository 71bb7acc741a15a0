"""Checking a document against a JSON Schema on the hot path. Pure.

A compiled validator says yes or no in some microseconds; the place of a mistake is named by the exact one, which needs
a hundred times as long. What either of them refuses is refused.
"""

from typing import Any

import jsonschema_rs
from jsonschema import Draft202012Validator


class Shape:
    """A schema, compiled. `schema` is one of ours; one that is no JSON Schema raises."""

    def __init__(self, schema: dict[str, Any]) -> None:
        Draft202012Validator.check_schema(schema)
        self._exact = Draft202012Validator(schema)
        self._fast = jsonschema_rs.Draft202012Validator(schema)

    def problem(self, document: Any) -> str:
        """Place and rule of the first mistake, never its content; empty when there is none."""
        if self._fits(document):
            return ""
        error = next(iter(self._exact.iter_errors(document)), None)
        return f"{error.json_path}: {error.validator}" if error is not None else "$: not of this schema"

    def _fits(self, document: Any) -> bool:
        try:
            return bool(self._fast.is_valid(document))
        except ValueError:  # not JSON at all: the exact one says what of it
            return False
