"""Rows made from the catalogue: for tests that ask whose a row is, not what it means."""

import json
import uuid
from datetime import UTC, datetime
from typing import Any

import psycopg
from psycopg import sql

GLOBAL_TABLES = {
    "account_emailaddress",
    "account_emailconfirmation",
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
    "mfa_authenticator",
    "socialaccount_socialaccount",
    "socialaccount_socialapp",
    "socialaccount_socialtoken",
    "tenants_platformoperator",
    "tenants_user",
    "tenants_user_groups",
    "tenants_user_user_permissions",
    "usersessions_usersession",
    "workflows_wakeup",
}

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


def tables(connection: psycopg.Connection) -> list[str]:
    rows = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1").fetchall()
    return [row[0] for row in rows]


def owner_column(table: str) -> str:
    return "id" if table == "tenants_tenant" else "tenant_id"


def columns(connection: psycopg.Connection, table: str) -> list[tuple[str, str, int | None]]:
    return connection.execute(
        "SELECT column_name, data_type, character_maximum_length FROM information_schema.columns"
        " WHERE table_schema = 'public' AND table_name = %s AND is_generated = 'NEVER'",
        [table],
    ).fetchall()


def row(connection: psycopg.Connection, table: str, tenant_id: str) -> dict[str, Any]:
    made = {name: SAMPLES[kind]() for name, kind, _ in columns(connection, table)}
    for name, _, longest in columns(connection, table):
        made[name] = made[name][:longest] if longest else made[name]
    made[owner_column(table)] = tenant_id
    return made


def insert(connection: psycopg.Connection, table: str, row: dict[str, Any]) -> None:
    statement = sql.SQL("INSERT INTO {0} ({1}) SELECT {1} FROM jsonb_populate_record(NULL::{0}, %s::jsonb)")
    names = sql.SQL(", ").join(map(sql.Identifier, row))
    connection.execute(statement.format(sql.Identifier(table), names), [json.dumps(row)])


def drop_checks(connection: psycopg.Connection, table: str) -> None:
    """Only in this clone: a made-up row need not make sense, it has to be somebody's."""
    names = connection.execute(
        "SELECT conname FROM pg_constraint WHERE conrelid = %s::regclass AND contype = 'c'", [table]
    ).fetchall()
    for (name,) in names:
        connection.execute(
            sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}").format(sql.Identifier(table), sql.Identifier(name))
        )
