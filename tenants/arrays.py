"""Columns of many rows on their way into one statement: one array each, in binary, beside the text of the statement.

The ORM's cursor writes values into the text, where every member of an array is escaped and parsed again.
"""

from collections.abc import Sequence
from typing import Any

import psycopg
from django.db import connection

_AS_THEY_ARE = frozenset({"CharField", "TextField", "UUIDField", "BigIntegerField", "BinaryField", "DateTimeField"})


class _Prepared(psycopg.Cursor[Any]):
    """Its statements are parsed and planned once per connection."""

    def execute(
        self, query: Any, params: Any = None, *, prepare: bool | None = True, binary: bool | None = None
    ) -> Any:
        return super().execute(query, params, prepare=prepare, binary=binary)


def cursor(*, prepared: bool = False) -> Any:
    """Like `connection.cursor()`, for statements whose arrays are placed by `placeholder`. `prepared`: for the few
    whose text is always the same and that are worth a name in every session."""
    connection.ensure_connection()
    kind = _Prepared if prepared else psycopg.Cursor
    raw: Any = kind(connection.connection)
    return connection.make_debug_cursor(raw) if connection.queries_logged else connection.make_cursor(raw)


def placeholder(field: Any) -> str:
    """Of a column of this field; without a length, as a cast to `varchar(16)` would cut what the column must refuse."""
    return f"%b::{field.db_type(connection).partition('(')[0]}[]"


def prepared(field: Any, values: Sequence[Any]) -> list[Any]:
    """Values as the driver takes them; most need nothing from Django on their way."""
    if field.get_internal_type() in _AS_THEY_ARE or field.is_relation:
        return list(values)
    return [field.get_db_prep_save(value, connection) for value in values]
