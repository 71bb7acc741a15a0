"""A database that has been in use for long: rows made by SQL out of the ones that a few runs have just left."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, TypeAlias

import psycopg
from psycopg import sql

Admin: TypeAlias = psycopg.Connection[Any]

_NUMBERED = "('{first}-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid"
_FINISHED = {
    "start_key": "'grown:' || n",
    "created_at": "m.created_at - n * interval '1 second'",
    "received_at": "m.received_at - n * interval '1 second'",
    "closed_at": "m.closed_at - n * interval '1 second'",
}
_WAITING = {
    "start_key": "'waiting:' || n",
    "state": "'WAITING'",
    "waits_for": "'approval'",
    "waiting_since": "now()",
    "wake_at": "NULL",
    "closed_at": "NULL",
}
_ASKED = {"state": "CASE WHEN m.position < 2 THEN 'SUCCEEDED' ELSE 'PENDING' END", "finished_at": "NULL"}
_NOT_COPIED = ("evidence_", "tenants_payload", "tenants_credential", "tenants_datakey")
"""Content, and keys that are wrapped for their tenant: another tenant makes its own."""

MOST_ROWS = 40
"""Of a table: what each run leaves behind would be the same millions of rows in ten thousand tenants."""


def grow(admin: Admin, kind: str, count: int) -> None:
    """`admin` is a superuser: triggers and foreign keys are not asked for each of so many rows."""
    admin.execute("SET session_replication_role = replica")
    KINDS[kind](admin, count)
    admin.execute("VACUUM ANALYZE")


def _waiting(admin: Admin, count: int) -> None:
    _runs(admin, count, "01900000", _WAITING, _ASKED)


def _finished(admin: Admin, count: int) -> None:
    _runs(admin, count, "01800000", _FINISHED, {})


def _runs(admin: Admin, count: int, first: str, run: Mapping[str, str], step: Mapping[str, str]) -> None:
    """Runs with their five steps, copied from one that has just succeeded."""
    model = admin.execute("SELECT id FROM workflows_run WHERE state = 'SUCCEEDED' LIMIT 1").fetchone()
    assert model is not None
    number = _NUMBERED.format(first=first)
    _copy(admin, "workflows_run", count, {"id": number, **run}, "m.id = %s", model[0])
    _copy(
        admin, "workflows_step", count, {"id": "gen_random_uuid()", "run_id": number, **step}, "m.run_id = %s", model[0]
    )


def _copy(admin: Admin, table: str, count: int, changed: Mapping[str, str], where: str, *values: object) -> None:
    """`count` copies of the rows `m` of a table; `n` counts them."""
    columns = list(_columns(admin, table))
    statement = sql.SQL("INSERT INTO {} ({}) SELECT {} FROM {} m, generate_series(1, {}) AS n WHERE {}").format(
        sql.Identifier(table),
        sql.SQL(", ").join(map(sql.Identifier, columns)),
        sql.SQL(", ").join(sql.SQL(changed.get(name, f'm."{name}"')) for name in columns),
        sql.Identifier(table),
        sql.Literal(count),
        sql.SQL(where),
    )
    admin.execute(statement, values)


def _tenants(admin: Admin, count: int) -> None:
    """What the furnished tenant has, its newest runs and some rows of every table, once more for each of so many."""
    tables = [row[0] for row in admin.execute(_TENANT_TABLES).fetchall() if not row[0].startswith(_NOT_COPIED)]
    admin.execute("CREATE TEMP TABLE few AS SELECT id FROM workflows_run ORDER BY id DESC LIMIT 2")
    _copy(admin, "tenants_tenant", count, {"slug": "'t' || n", **_moved(admin, "tenants_tenant")}, "TRUE")
    for table in tables:
        which = {"workflows_run": "m.id IN (TABLE few)", "workflows_step": "m.run_id IN (TABLE few)"}
        some = f"m.ctid = ANY (ARRAY(SELECT ctid FROM {table} LIMIT {MOST_ROWS}))"
        _copy(admin, table, count, _moved(admin, table), which.get(table, some))


_TENANT_TABLES = """
SELECT c.table_name FROM information_schema.columns c JOIN information_schema.tables t USING (table_schema, table_name)
 WHERE c.table_schema = 'public' AND c.column_name = 'tenant_id' AND t.table_type = 'BASE TABLE'
"""


def _moved(admin: Admin, table: str) -> dict[str, str]:
    """Every id becomes another one, the same everywhere for the same `n`; what is unique everywhere is made so."""
    moved = {
        name: f"""md5(m."{name}"::text || n)::uuid""" for name, kind in _columns(admin, table).items() if kind == "uuid"
    }
    unique = {row[0] for row in admin.execute(_UNIQUE_TEXTS, [table]).fetchall()}
    return moved | {name: f"""left(md5(m."{name}" || n), 40)""" for name in unique}


_UNIQUE_TEXTS = """
SELECT a.attname FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
 WHERE i.indrelid = %s::regclass AND i.indisunique AND i.indnatts = 1
   AND a.atttypid IN ('text'::regtype, 'varchar'::regtype)
"""


def _columns(admin: Admin, table: str) -> dict[str, str]:
    query = (
        "SELECT column_name, udt_name FROM information_schema.columns"
        " WHERE table_schema = 'public' AND table_name = %s AND identity_generation IS NULL AND is_generated = 'NEVER'"
    )
    return dict(admin.execute(query, [table]).fetchall())


KINDS: Mapping[str, Callable[[Admin, int], None]] = MappingProxyType(
    {"waiting": _waiting, "finished": _finished, "tenants": _tenants}
)
