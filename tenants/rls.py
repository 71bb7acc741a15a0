"""Migration operations: the database says no first.

Each table of a tenant is protected by forced row security and by grants of exactly what a role needs.
Look-ups that must cross tenants are SECURITY DEFINER functions of the router role that return ids only.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from django.db import migrations

Statements: TypeAlias = "list[str | tuple[str, dict[str, Any] | list[Any] | tuple[Any, ...] | tuple[()] | None]]"

_TENANT = "NULLIF(current_setting('interlock.tenant', true), '')::uuid"
_DENY_BODY = """
BEGIN
    RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'insufficient_privilege';
END """
_DENY_FUNCTION = f"""
CREATE OR REPLACE FUNCTION public.interlock_append_only() RETURNS trigger LANGUAGE plpgsql AS $${_DENY_BODY}$$
"""
APPEND_ONLY_SOURCE = hashlib.sha256(_DENY_BODY.strip().encode()).hexdigest()
"""SHA-256 over the body of the function that refuses, without the white space around it."""


def ProtectTenantTable(  # noqa: N802 - reads as a migration operation
    table: str,
    *,
    app: str = "SELECT, INSERT, UPDATE, DELETE",
    column: str = "tenant_id",
    shared: bool = False,
) -> migrations.RunSQL:
    """Forced row security on `column` = the transaction's tenant; `shared` also shows rows of no tenant."""
    mine = f"{column} = {_TENANT}" + (f" OR {column} IS NULL" if shared else "")
    return migrations.RunSQL(
        [
            f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
            f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
            f"CREATE POLICY tenant_isolation ON {table} TO interlock_owner, interlock_app, interlock_reader"
            f" USING ({mine}) WITH CHECK ({mine})",
            f"REVOKE ALL ON {table} FROM PUBLIC",
            f"GRANT {app} ON {table} TO interlock_app",
            f"GRANT SELECT ON {table} TO interlock_reader",
        ],
        [
            f"REVOKE ALL ON {table} FROM interlock_app, interlock_reader",
            f"DROP POLICY tenant_isolation ON {table}",
            f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY",
            f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY",
        ],
    )


def GrantTable(table: str, *, role: str, privileges: str, across_tenants: bool = False) -> migrations.RunSQL:  # noqa: N802
    """Privileges for a role; `across_tenants` also lets row security show it every tenant (sequencer only)."""
    grantee = f"interlock_{role}"
    forward: Statements = [f"GRANT {privileges} ON {table} TO {grantee}"]
    backward: Statements = [f"REVOKE ALL ON {table} FROM {grantee}"]
    if across_tenants:
        policy = f"{role}_across_tenants"
        forward.append(f"CREATE POLICY {policy} ON {table} TO {grantee} USING (true) WITH CHECK (true)")
        backward.append(f"DROP POLICY {policy} ON {table}")
    return migrations.RunSQL(forward, backward)


def AppendOnly(table: str) -> migrations.RunSQL:  # noqa: N802
    """No UPDATE, DELETE or TRUNCATE by anybody, also not under `session_replication_role = replica`."""
    return migrations.RunSQL(
        [
            _DENY_FUNCTION,
            f"REVOKE UPDATE, DELETE, TRUNCATE ON {table} FROM interlock_app, interlock_sequencer, interlock_reader",
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON {table}"
            " FOR EACH ROW EXECUTE FUNCTION public.interlock_append_only()",
            f"CREATE TRIGGER append_only_whole BEFORE TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION public.interlock_append_only()",
            f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER append_only",
            f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER append_only_whole",
        ],
        [f"DROP TRIGGER append_only_whole ON {table}", f"DROP TRIGGER append_only ON {table}"],
    )


_PRUNER_BODY = """
BEGIN
    IF TG_OP = 'DELETE' AND current_user = 'interlock_pruner' THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'insufficient_privilege';
END """
PRUNED_SOURCE = hashlib.sha256(_PRUNER_BODY.strip().encode()).hexdigest()
"""The same of the one that lets nothing but `pruning.prune` delete."""


def PrunedOnly(table: str) -> migrations.RunSQL:  # noqa: N802
    """From now on rows of this append-only table go by one road: the function `pruning.prune`, as its role."""
    drop = [f"DROP TRIGGER append_only ON {table}"]
    made = f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION public."
    always = [f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER append_only"]
    function = "CREATE OR REPLACE FUNCTION public.interlock_pruned_only() RETURNS trigger LANGUAGE plpgsql AS"
    return migrations.RunSQL(
        [f"{function} $${_PRUNER_BODY}$$", *drop, f"{made}interlock_pruned_only()", *always],
        [*drop, f"{made}interlock_append_only()", *always, "DROP FUNCTION public.interlock_pruned_only()"],
    )


def TenantForeignKey(child: str, column: str, parent: str) -> migrations.RunSQL:  # noqa: N802
    """A composite key: a row can point only at rows of its own tenant. `parent` is unique on (tenant_id, id)."""
    name = f"{child}_{column}_same_tenant"[:63]
    return migrations.RunSQL(
        f"ALTER TABLE {child} ADD CONSTRAINT {name} FOREIGN KEY (tenant_id, {column})"
        f" REFERENCES {parent} (tenant_id, id) DEFERRABLE INITIALLY DEFERRED",
        f"ALTER TABLE {child} DROP CONSTRAINT {name}",
    )


def RoutingFunction(  # noqa: N802
    name: str, *, args: str, returns: str, body: str, reads: Mapping[str, Sequence[str]]
) -> migrations.RunSQL:
    """`routing.<name>(args)`: runs as the router role, which may read only the columns in `reads`."""
    signature = ", ".join(part.strip().split(" ", 1)[1] for part in args.split(",")) if args else ""
    forward = []
    for table, columns in reads.items():
        forward += [
            f"GRANT SELECT ({', '.join(columns)}) ON {table} TO interlock_router",
            f"DROP POLICY IF EXISTS router_routes ON {table}",
            f"CREATE POLICY router_routes ON {table} FOR SELECT TO interlock_router USING (true)",
        ]
    return migrations.RunSQL(
        [
            *forward,
            "SET LOCAL ROLE interlock_router",
            f"CREATE FUNCTION routing.{name}({args}) RETURNS {returns} LANGUAGE sql STABLE SECURITY DEFINER"
            f" SET search_path = public, pg_temp AS $${body}$$",
            f"REVOKE ALL ON FUNCTION routing.{name}({signature}) FROM PUBLIC",
            f"GRANT EXECUTE ON FUNCTION routing.{name}({signature}) TO interlock_app",
            "RESET ROLE",
        ],
        ["SET LOCAL ROLE interlock_router", f"DROP FUNCTION routing.{name}({signature})", "RESET ROLE"],
    )


def RoutingVerb(  # noqa: N802
    name: str,
    *,
    args: str,
    returns: str,
    body: str,
    reads: Mapping[str, Sequence[str]],
    writes: Mapping[str, Sequence[str]],
) -> migrations.RunSQL:
    """`routing.<name>(args)` in PL/pgSQL: like `RoutingFunction`, and may change the columns in `writes` of rows of
    any tenant. Returns ids and counters only. Large tables: the plan never reads one from end to end."""
    signature = ", ".join(part.strip().split(" ", 1)[1] for part in args.split(",")) if args else ""
    forward: Statements = []
    for table, columns in reads.items():
        forward.append(f"GRANT SELECT ({', '.join(columns)}) ON {table} TO interlock_router")
    for table, columns in writes.items():
        forward += [
            f"GRANT UPDATE ({', '.join(columns)}) ON {table} TO interlock_router",
            f"DROP POLICY IF EXISTS router_moves ON {table}",
            f"CREATE POLICY router_moves ON {table} FOR UPDATE TO interlock_router USING (true) WITH CHECK (true)",
        ]
    return migrations.RunSQL(
        [
            *forward,
            "SET LOCAL ROLE interlock_router",
            f"CREATE FUNCTION routing.{name}({args}) RETURNS {returns} LANGUAGE plpgsql VOLATILE SECURITY DEFINER"
            f" SET search_path = public, pg_temp SET enable_seqscan = off AS $${body}$$",
            f"REVOKE ALL ON FUNCTION routing.{name}({signature}) FROM PUBLIC",
            f"GRANT EXECUTE ON FUNCTION routing.{name}({signature}) TO interlock_app",
            "RESET ROLE",
        ],
        ["SET LOCAL ROLE interlock_router", f"DROP FUNCTION routing.{name}({signature})", "RESET ROLE"],
    )
