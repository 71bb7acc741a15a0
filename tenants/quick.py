"""Rows of the entered tenant on hot paths: SQL that is made once per shape instead of once per query.

What the ORM spends on building a query is most of what a governed call costs. The rules are those of the managers:
without a scope or an open transaction it raises, and row security stands behind it.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeVar

from django.db import connection, models
from django.utils import timezone

from tenants import arrays, scope
from tenants.models.base import TenantModel, require_transaction

T = TypeVar("T", bound=TenantModel)
Converter = Callable[[Any], Any]


def find(model: type[T], /, *, lock: bool | str = False, **equal: Any) -> list[T]:
    """The tenant's rows whose columns (attribute names) equal the values; a list value means any of its members.

    `lock`: FOR UPDATE, in the order of the primary key; or the text of another lock clause.
    """
    require_transaction()
    listed = tuple(name for name, value in equal.items() if isinstance(value, list))
    statement = _select(model, tuple(equal), listed, "FOR UPDATE" if lock is True else lock or "")
    columns = _columns(model)
    with connection.cursor() as cursor:
        cursor.execute(statement, [scope.current(), *equal.values()])
        found = cursor.fetchall()
    names = list(columns)
    return [model.from_db(connection.alias, names, _read(columns, row)) for row in found]


def first(model: type[T], /, **equal: Any) -> T | None:
    return next(iter(find(model, **equal)), None)


def insert(rows: Sequence[TenantModel], *, on_conflict: str = "") -> int:
    """Write new rows of one model in one statement, in their order; how many were written.

    `on_conflict`: the text of that clause of the statement, a constant of the caller.
    """
    if not rows:
        return 0
    require_transaction()
    model = type(rows[0])
    values = [_column(field, rows) for field in _written(model)]
    with arrays.cursor() as cursor:
        cursor.execute(_insert(model, on_conflict), values)
        count = cursor.rowcount
    for row in rows:
        row._state.adding, row._state.db = False, connection.alias
    return int(count)


def insert_columns(model: type[TenantModel], columns: Mapping[str, Sequence[Any]]) -> None:
    """Like `insert`, without objects: columns of equal length by attribute name, all but the tenant and the time of
    creation, which are filled in."""
    require_transaction()
    count = len(next(iter(columns.values())))
    filled: dict[str, Sequence[Any]] = {
        "tenant_id": [scope.current()] * count,
        "created_at": [timezone.now()] * count,
        **columns,
    }
    with arrays.cursor() as cursor:
        values = [arrays.prepared(field, filled[field.attname]) for field in _written(model)]
        cursor.execute(_insert(model, ""), values)


def _column(field: Any, rows: Sequence[TenantModel]) -> list[Any]:
    if getattr(field, "auto_now_add", False) or getattr(field, "auto_now", False):
        return [field.pre_save(row, True) for row in rows]
    return arrays.prepared(field, [getattr(row, field.attname) for row in rows])


def update(model: type[TenantModel], changes: Mapping[str, Any], /, **equal: Any) -> int:
    """Set columns (attribute names) of the tenant's rows that equal the values; how many there were."""
    require_transaction()
    fields = _by_name(model)
    values = [fields[name].get_db_prep_save(value, connection) for name, value in changes.items()]
    with connection.cursor() as cursor:
        cursor.execute(_update(model, tuple(changes), tuple(equal)), [*values, scope.current(), *equal.values()])
        return int(cursor.rowcount)


@lru_cache(maxsize=256)
def _select(model: type[models.Model], equal: tuple[str, ...], listed: tuple[str, ...], lock: str) -> str:
    quoted = connection.ops.quote_name
    fields = _by_name(model)
    tests = [f" AND {quoted(fields[name].column)} = {'ANY(%s)' if name in listed else '%s'}" for name in equal]
    wanted = ", ".join(quoted(field.column) for field in fields.values())
    return (
        f"SELECT {wanted} FROM {quoted(model._meta.db_table)} WHERE tenant_id = %s{''.join(tests)}"  # noqa: S608
        f"{f' ORDER BY id {lock}' if lock else ''}"
    )


@lru_cache(maxsize=128)
def _insert(model: type[models.Model], on_conflict: str) -> str:
    """One text however many rows: an array per column. Rows are numbered in the order in which they are given."""
    quoted = connection.ops.quote_name
    fields = _written(model)
    columns = ", ".join(quoted(field.column) for field in fields)
    names = ", ".join(f"c{at}" for at in range(len(fields)))
    values = ", ".join(map(arrays.placeholder, fields))
    return (
        f"INSERT INTO {quoted(model._meta.db_table)} ({columns}) SELECT {names}"  # noqa: S608
        f" FROM unnest({values}) WITH ORDINALITY AS v({names}, place) ORDER BY place {on_conflict}"
    )


@lru_cache(maxsize=256)
def _update(model: type[models.Model], changed: tuple[str, ...], equal: tuple[str, ...]) -> str:
    quoted = connection.ops.quote_name
    fields = _by_name(model)
    sets = ", ".join(f"{quoted(fields[name].column)} = %s" for name in changed)
    tests = "".join(f" AND {quoted(fields[name].column)} = %s" for name in equal)
    return f"UPDATE {quoted(model._meta.db_table)} SET {sets} WHERE tenant_id = %s{tests}"  # noqa: S608


@lru_cache(maxsize=128)
def _by_name(model: type[models.Model]) -> Mapping[str, Any]:
    return {field.attname: field for field in model._meta.concrete_fields}


@lru_cache(maxsize=128)
def _written(model: type[models.Model]) -> tuple[Any, ...]:
    """All columns but a key that the database counts up."""
    return tuple(field for field in model._meta.concrete_fields if field.get_internal_type() != "BigAutoField")


@lru_cache(maxsize=128)
def _columns(model: type[models.Model]) -> Mapping[str, Converter | None]:
    """Attribute names and what the ORM would do to their values on the way in (JSON is parsed, for example)."""
    return {name: _converter(field) for name, field in _by_name(model).items()}


def _converter(field: Any) -> Converter | None:
    column = field.get_col(field.model._meta.db_table)
    steps = [*connection.ops.get_db_converters(column), *column.get_db_converters(connection)]
    if not steps:
        return None

    def convert(value: Any) -> Any:
        for step in steps:
            value = step(value, column, connection)
        return value

    return convert


def _read(columns: Mapping[str, Converter | None], row: Sequence[Any]) -> list[Any]:
    return [convert(value) if convert else value for convert, value in zip(columns.values(), row, strict=True)]
