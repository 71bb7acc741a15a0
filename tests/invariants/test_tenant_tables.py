"""Every table is either a tenant's, with forced row security that works, or on a closed list of global ones.

Rows of B are put into every tenant table by the superuser, made from the catalogue, so a new model is covered by
existing. Then the app role, in the scope of A and in none, must see nothing of them and write nothing into B.
"""

from collections.abc import Iterator
from types import SimpleNamespace

import psycopg
import pytest
from psycopg import sql

from tests import ground
from tests.made_up import GLOBAL_TABLES, drop_checks, insert, owner_column, row, tables

HIDDEN_FROM_APP = {
    "account_emailconfirmation",
    "django_q_ormq",
    "django_q_schedule",
    "django_q_task",
    "guardian_groupobjectpermission",
    "guardian_userobjectpermission",
    "socialaccount_socialapp",
    "socialaccount_socialtoken",
}
A, B = "0a" * 16, "0b" * 16


@pytest.fixture(scope="module")
def populated() -> Iterator[SimpleNamespace]:
    """A clone with one made-up row of A and of B in every tenant table; connections as superuser and as app."""
    name = f"invariant_{ground.session_database()}"
    ground.clone(name)
    app_dsn = ground.LOCATOR.server().dsn("interlock_app", ground.LOCATOR.password("app"), name)
    with psycopg.connect(ground.superuser_dsn(name), autocommit=True) as admin, psycopg.connect(app_dsn) as app:
        mine = [t for t in tables(admin) if t not in GLOBAL_TABLES]
        admin.execute("SET session_replication_role = replica")
        for table in mine:
            drop_checks(admin, table)
            for owner in (A, B):
                insert(admin, table, row(admin, table, owner))
        yield SimpleNamespace(admin=admin, app=app, tables=mine)
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
            sql.Identifier(table), sql.Identifier(owner_column(table))
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
    insert(app, table, row(populated.admin, table, B))


def _try_move(populated: SimpleNamespace, app: psycopg.Connection, table: str) -> None:
    column = sql.Identifier(owner_column(table))
    app.execute(sql.SQL("UPDATE {} SET {} = %s").format(sql.Identifier(table), column), [B])


def test_the_owner_sees_no_tenant_rows_either(populated: SimpleNamespace) -> None:
    """Forced row security blinds the owner too, so a migration cannot mix tenants by accident."""
    populated.admin.execute("SET ROLE interlock_owner")
    try:
        counted = populated.admin.execute("SELECT count(*) FROM tenants_workspace").fetchone()
    finally:
        populated.admin.execute("RESET ROLE")
    assert counted == (0,)
