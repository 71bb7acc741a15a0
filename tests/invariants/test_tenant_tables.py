"""Every table is either a tenant's, with forced row security that works, or on a closed list of global ones.

Rows of B are put into every tenant table by the superuser, made from the catalogue, so a new model is covered by
existing. Then the app role, in the scope of A and in none, must see nothing of them and write nothing into B.
"""

import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from psycopg import sql

from tests import ground

GLOBAL_TABLES = {
    "auth_group",
    "auth_group_permissions",
    "auth_permission",
    "console_loginwindow",
    "django_admin_log",
    "django_content_type",
    "django_migrations",
    "django_q_ormq",
    "django_q_schedule",
    "django_q_task",
    "django_session",
    "guardian_groupobjectpermission",
    "guardian_userobjectpermission",
    "metering_modelprice",
    "tenants_user",
    "tenants_user_groups",
    "tenants_user_user_permissions",
    "workflows_wakeup",
}
HIDDEN_FROM_APP = {
    "django_q_ormq",
    "django_q_schedule",
    "django_q_task",
    "guardian_groupobjectpermission",
    "guardian_userobjectpermission",
}
SHOWN_TO_EVERY_TENANT_WHEN_GLOBAL = {"tenants_halt"}
A, B = "0a" * 16, "0b" * 16

SAMPLES = {
    "uuid": lambda: str(uuid.uuid4()),
    "text": lambda: uuid.uuid4().hex,
    "character varying": lambda: uuid.uuid4().hex,
    "boolean": lambda: False,
    "integer": lambda: 1,
    "smallint": lambda: 1,
    "bigint": lambda: uuid.uuid4().int % 2**40,
    "numeric": lambda: 1,
    "double precision": lambda: 1.0,
    "timestamp with time zone": lambda: datetime.now(UTC).isoformat(),
    "date": lambda: datetime.now(UTC).date().isoformat(),
    "jsonb": dict,
    "bytea": lambda: "\\x" + uuid.uuid4().hex * 2,
    "ARRAY": list,
}
"""Made-up values by column type, for rows that only have to exist."""


def _tables(connection: psycopg.Connection) -> list[str]:
    rows = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1").fetchall()
    return [row[0] for row in rows]


def _owner_column(table: str) -> str:
    return "id" if table == "tenants_tenant" else "tenant_id"


def _columns(connection: psycopg.Connection, table: str) -> list[tuple[str, str, int | None]]:
    return connection.execute(
        "SELECT column_name, data_type, character_maximum_length FROM information_schema.columns"
        " WHERE table_schema = 'public' AND table_name = %s AND is_generated = 'NEVER'",
        [table],
    ).fetchall()


def _row(connection: psycopg.Connection, table: str, tenant_id: str) -> dict[str, Any]:
    made = {name: SAMPLES[kind]() for name, kind, _ in _columns(connection, table)}
    for name, _, longest in _columns(connection, table):
        made[name] = made[name][:longest] if longest else made[name]
    made[_owner_column(table)] = tenant_id
    return made


def _insert(connection: psycopg.Connection, table: str, row: dict[str, Any]) -> None:
    statement = sql.SQL("INSERT INTO {0} SELECT * FROM jsonb_populate_record(NULL::{0}, %s::jsonb)")
    connection.execute(statement.format(sql.Identifier(table)), [json.dumps(row)])


def _drop_checks(connection: psycopg.Connection, table: str) -> None:
    """Only in this clone: a made-up row need not make sense, it has to be somebody's."""
    names = connection.execute(
        "SELECT conname FROM pg_constraint WHERE conrelid = %s::regclass AND contype = 'c'", [table]
    ).fetchall()
    for (name,) in names:
        connection.execute(
            sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}").format(sql.Identifier(table), sql.Identifier(name))
        )


@pytest.fixture(scope="module")
def populated() -> Iterator[SimpleNamespace]:
    """A clone with one made-up row of A and of B in every tenant table; connections as superuser and as app."""
    name = f"invariant_{ground.session_database()}"
    ground.clone(name)
    app_dsn = ground.LOCATOR.server().dsn("interlock_app", ground.LOCATOR.password("app"), name)
    with psycopg.connect(ground.superuser_dsn(name), autocommit=True) as admin, psycopg.connect(app_dsn) as app:
        tables = [t for t in _tables(admin) if t not in GLOBAL_TABLES]
        admin.execute("SET session_replication_role = replica")
        for table in tables:
            _drop_checks(admin, table)
            for owner in (A, B):
                _insert(admin, table, _row(admin, table, owner))
        yield SimpleNamespace(admin=admin, app=app, tables=tables)
    ground.drop(name)


@pytest.fixture
def app(populated: SimpleNamespace) -> Iterator[psycopg.Connection]:
    yield populated.app
    populated.app.rollback()


def _enter(app: psycopg.Connection, tenant_id: str) -> None:
    app.execute("SELECT set_config('interlock.tenant', %s, true)", [tenant_id])


def _readable(app: psycopg.Connection, table: str) -> bool:
    return bool(app.execute("SELECT has_table_privilege(current_user, %s, 'SELECT')", [table]).fetchone()[0])


def test_every_table_is_a_tenants_or_on_the_closed_list(populated: SimpleNamespace) -> None:
    bare = [
        table
        for table in populated.tables
        if populated.admin.execute(
            "SELECT relrowsecurity AND relforcerowsecurity FROM pg_class WHERE oid = %s::regclass", [table]
        ).fetchone()
        != (True,)
    ]
    assert bare == [], "tables without forced row security: protect them in a migration or list them as global"


def test_the_app_sees_nothing_of_the_tables_that_it_does_not_need(app: psycopg.Connection) -> None:
    assert [t for t in sorted(HIDDEN_FROM_APP) if _readable(app, t)] == []


@pytest.mark.parametrize("entered", [A, ""], ids=["in the scope of A", "in no scope"])
def test_no_row_of_b_is_seen_while_the_superuser_counts_some(
    populated: SimpleNamespace, app: psycopg.Connection, entered: str
) -> None:
    _enter(app, entered)
    seen = {}
    for table in populated.tables:
        query = sql.SQL("SELECT count(*) FROM {} WHERE {} = %s").format(
            sql.Identifier(table), sql.Identifier(_owner_column(table))
        )
        assert populated.admin.execute(query, [B]).fetchone()[0] > 0, table
        if _readable(app, table):
            seen[table] = app.execute(query, [B]).fetchone()[0]
    assert {table for table, count in seen.items() if count} == set()


def test_nothing_can_be_written_into_b(populated: SimpleNamespace, app: psycopg.Connection) -> None:
    written = []
    for table in populated.tables:
        for attempt in (_try_insert, _try_move):
            _enter(app, A)
            try:
                attempt(populated, app, table)
                written.append((table, attempt.__name__))
            except psycopg.errors.InsufficientPrivilege:
                pass
            finally:
                app.rollback()
    assert written == []


def _try_insert(populated: SimpleNamespace, app: psycopg.Connection, table: str) -> None:
    _insert(app, table, _row(populated.admin, table, B))


def _try_move(populated: SimpleNamespace, app: psycopg.Connection, table: str) -> None:
    column = sql.Identifier(_owner_column(table))
    app.execute(sql.SQL("UPDATE {} SET {} = %s").format(sql.Identifier(table), column), [B])


def test_the_owner_sees_no_tenant_rows_either(populated: SimpleNamespace) -> None:
    """Forced row security blinds the owner too, so a migration cannot mix tenants by accident."""
    populated.admin.execute("SET ROLE interlock_owner")
    try:
        counted = populated.admin.execute("SELECT count(*) FROM tenants_workspace").fetchone()
    finally:
        populated.admin.execute("RESET ROLE")
    assert counted == (0,)
