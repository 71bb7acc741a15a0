"""Columns of many rows on their way into one statement: one array each, in binary, beside the text of the statement.

The ORM's cursor writes values into the text, where every member of an array is escaped and parsed again.
"""

from collections.abc import Sequence
from typing import Any

import psycopg
from django.db import connection

_AS_THEY_ARE = frozenset({"CharField", "TextField", "UUIDField", "BigIntegerField", "BinaryField", "DateTimeField"})


def cursor() -> Any:
    """Like `connection.cursor()`, for statements whose arrays are placed by `placeholder`."""
    connection.ensure_connection()
    raw: Any = psycopg.Cursor(connection.connection)
    return connection.make_debug_cursor(raw) if connection.queries_logged else connection.make_cursor(raw)


def placeholder(field: Any) -> str:
    """Of a column of this field; without a length, as a cast to `varchar(16)` would cut what the column must refuse."""
    return f"%b::{field.db_type(connection).partition('(')[0]}[]"


def prepared(field: Any, values: Sequence[Any]) -> list[Any]:
    """Values as the driver takes them; most need nothing from Django on their way."""
    if field.get_internal_type() in _AS_THEY_ARE or field.is_relation:
        return list(values)
    return [field.get_db_prep_save(value, connection) for value in values]
