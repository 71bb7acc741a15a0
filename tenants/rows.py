"""Many rows in one statement: compare-and-swap of rows that a transaction has read and changed in memory."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.db import connection, models

from tenants import arrays, scope


def swap(
    model: type[models.Model],
    rows: Sequence[models.Model],
    *,
    columns: Sequence[str],
    unchanged: Mapping[str, Sequence[Any]] | None = None,
) -> set[UUID]:
    """Write `columns` (attribute names) of every row whose `unchanged` columns still hold those values, one value
    per row. One UPDATE; returns the ids that were written."""
    guards = unchanged or {}
    values = [[row.pk for row in rows]]
    values += [_prepared(model, name, [getattr(row, name) for row in rows]) for name in columns]
    values += [_prepared(model, name, held) for name, held in guards.items()]
    with arrays.cursor() as cursor:
        cursor.execute(_statement(model, tuple(columns), tuple(guards)), [*values, scope.current()])
        return {row[0] for row in cursor.fetchall()}


def _prepared(model: type[models.Model], name: str, values: Sequence[Any]) -> list[Any]:
    return arrays.prepared(_field(model, name), values)


@lru_cache(maxsize=256)
def _statement(model: type[models.Model], columns: tuple[str, ...], guards: tuple[str, ...]) -> str:
    """`UPDATE t SET c = v.c0, … FROM unnest(…) v(id, c0, …, g0, …) WHERE t.id = v.id AND t.g IS NOT DISTINCT …`.

    Made of names and types of the model only.
    """
    sets = {f"c{at}": _field(model, name) for at, name in enumerate(columns)}
    same = {f"g{at}": _field(model, name) for at, name in enumerate(guards)}
    values = [arrays.placeholder(field) for field in (model._meta.pk, *sets.values(), *same.values())]
    quoted = connection.ops.quote_name
    written = ", ".join(f"{quoted(field.column)} = v.{alias}" for alias, field in sets.items())
    guarded = [f" AND t.{quoted(field.column)} IS NOT DISTINCT FROM v.{alias}" for alias, field in same.items()]
    return (
        f"UPDATE {quoted(model._meta.db_table)} AS t SET {written}"  # noqa: S608
        f" FROM unnest({', '.join(values)}) AS v({', '.join(['id', *sets, *same])})"
        f" WHERE t.id = v.id AND t.tenant_id = %s{''.join(guarded)} RETURNING t.id"
    )


@lru_cache(maxsize=512)
def _field(model: type[models.Model], attname: str) -> Any:
    return next(field for field in model._meta.concrete_fields if field.attname == attname)
