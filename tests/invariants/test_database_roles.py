"""The suite runs with the rights of the product, not with more; and the database refuses by itself."""

from collections.abc import Callable

import psycopg
import pytest
from django.db import connection, transaction
from django.db.utils import ProgrammingError

from tenants import scope
from tests import ground


def _fetch(query: str, *arguments: object) -> tuple[object, ...]:
    with connection.cursor() as cursor:
        cursor.execute(query, arguments)
        return cursor.fetchone()


@pytest.mark.django_db
def test_the_suite_runs_as_the_app_role_without_privileges() -> None:
    name, superuser, bypass, createdb, createrole = _fetch(
        "SELECT rolname, rolsuper, rolbypassrls, rolcreatedb, rolcreaterole FROM pg_roles WHERE rolname = current_user"
    )
    assert (name, superuser, bypass, createdb, createrole) == ("interlock_app", False, False, False, False)
    owned = _fetch(
        "SELECT count(*) FROM pg_class WHERE relowner = (SELECT oid FROM pg_roles WHERE rolname = current_user)"
    )
    assert owned == (0,)
    assert _fetch("SELECT count(*) FROM pg_auth_members WHERE member = 'interlock_app'::regrole") == (0,)


def test_the_app_sees_no_row_of_another_tenant_in_raw_sql(world: object, in_scope: Callable) -> None:
    with in_scope(world.a.tenant):
        foreign = _fetch("SELECT count(*) FROM tenants_workspace WHERE tenant_id = %s", world.b.tenant.id)
        mine = _fetch("SELECT count(*) FROM tenants_workspace")
    assert foreign == (0,)
    assert mine == (1,)


def test_the_app_sees_nothing_without_a_scope(world: object) -> None:
    assert _fetch("SELECT count(*) FROM tenants_workspace") == (0,)


def test_the_app_cannot_write_into_another_tenant(world: object, in_scope: Callable) -> None:
    with in_scope(world.a.tenant), pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
        _fetch("UPDATE tenants_workspace SET tenant_id = %s RETURNING id", world.b.tenant.id)


def test_the_superuser_counts_what_the_app_cannot_see(committed_db: str, world: object) -> None:
    with psycopg.connect(ground.superuser_dsn(committed_db)) as admin:
        seen = admin.execute("SELECT count(*) FROM tenants_workspace").fetchone()
    with scope.enter(world.a.tenant.id), transaction.atomic():
        assert _fetch("SELECT count(*) FROM tenants_workspace") == (1,)
    assert seen == (2,)
