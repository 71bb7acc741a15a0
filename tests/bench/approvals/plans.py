"""The plans of the statements that the pages sent: none reads requests or votes from end to end, none skips rows."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

from django.db import connection, transaction

from tenants import scope

TABLES = {"approvals_approvalrequest", "approvals_vote"}
Statements = dict[str, Any]


@contextmanager
def watched() -> Iterator[Statements]:
    """Every kind of statement about requests and votes, with the values that it was last sent with."""
    seen: Statements = {}

    def note(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith("SELECT") and any(name in sql for name in TABLES):
            seen[sql] = params
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        yield seen


def bad(world: SimpleNamespace, statements: Statements) -> list[str]:
    with scope.enter(world.a.tenant.id), transaction.atomic(), connection.cursor() as cursor:
        return [f"{why}: {sql[:400]}" for sql, params in statements.items() for why in _faults(cursor, sql, params)]


def _faults(cursor: Any, sql: str, params: Any) -> list[str]:
    cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}", params)
    (found,) = cursor.fetchone()
    plan = json.loads(found) if isinstance(found, str) else found
    scans = [
        f"{node['Node Type']} of {node['Relation Name']}"
        for node in _nodes(plan[0]["Plan"])
        if node["Node Type"] == "Seq Scan" and node.get("Relation Name") in TABLES
    ]
    return scans + (["OFFSET"] if " OFFSET " in sql else [])


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", []):
        yield from _nodes(below)
