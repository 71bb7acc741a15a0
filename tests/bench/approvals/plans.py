"""The plans of the statements that the pages sent: none reads requests or votes from end to end or by the thousand,
none skips rows."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from django.db import connection, transaction

from tenants import scope

TABLES = {"approvals_approvalrequest", "approvals_vote"}
MOST_ROWS = 5_000
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


@dataclass(frozen=True)
class Checked:
    """`faults`: what a statement reads too much of, or skips. `ms`: how long the database takes for it."""

    sql: str
    faults: list[str]
    ms: float


def checked(world: SimpleNamespace, statements: Statements) -> list[Checked]:
    """Each statement run once more with its plan, the slowest first."""
    with scope.enter(world.a.tenant.id), transaction.atomic(), connection.cursor() as cursor:
        found = [_check(cursor, sql, params) for sql, params in statements.items()]
    return sorted(found, key=lambda one: -one.ms)


def _check(cursor: Any, sql: str, params: Any) -> Checked:
    cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", params)
    (told,) = cursor.fetchone()
    (plan,) = json.loads(told) if isinstance(told, str) else told
    read = [node for node in _nodes(plan["Plan"]) if node.get("Relation Name") in TABLES]
    faults = [f"Seq Scan of {node['Relation Name']}" for node in read if node["Node Type"] == "Seq Scan"]
    faults += [f"{_rows(node)} rows of {node['Relation Name']}" for node in read if _rows(node) > MOST_ROWS]
    return Checked(sql, faults + (["OFFSET"] if " OFFSET " in sql else []), plan["Execution Time"])


def _rows(node: dict[str, Any]) -> int:
    """How many it looked at, those that it threw away included."""
    return int((node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"])


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", []):
        yield from _nodes(below)
