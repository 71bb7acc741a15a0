"""The locks that make the kill switch linearizable with dispatch.

A dispatch holds a share of every scope of its call until it commits; engaging takes the scope as a whole. A worker
that sleeps inside its dispatch would make the switch wait for it, so its session is ended after a moment: its
transaction rolls back, and what never committed is never sent.
"""

from collections.abc import Iterable

from django.db import DatabaseError, OperationalError, connection, transaction
from psycopg import sql

from controlplane.lib.logs import get_logger
from tenants.errors import HaltsUnreadable

log = get_logger(__name__)

PATIENCE_S = 1.5
"""How long engaging waits for dispatches that are committing; less than they wait for it."""

MOST_TURNS = 3
_LOW = 0xFFFFFFFF
_END_HOLDERS = """
    SELECT pg_terminate_backend(pid) FROM pg_locks
    WHERE locktype = 'advisory' AND granted AND classid = %s AND objid = %s AND objsubid = 1
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND pid <> pg_backend_pid()
"""


def share(keys: Iterable[int]) -> None:
    """Shared locks until the end of the transaction, in one fixed order; raises HaltsUnreadable after two seconds."""
    statement = sql.SQL(
        "SET LOCAL lock_timeout = '2s'; SELECT pg_advisory_xact_lock_shared(k) FROM unnest({}::bigint[]) k;"
        " SET LOCAL lock_timeout = DEFAULT"
    ).format(sql.Literal(sorted(set(keys))))
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement.as_string())
    except DatabaseError as error:
        raise HaltsUnreadable(f"the kill switch is being moved or cannot be locked: {error}") from error


def seize(key: int) -> None:
    """The exclusive lock until the end of the transaction; whoever does not make way in time is ended."""
    for _ in range(MOST_TURNS):
        if _taken(key):
            return
        log.warning("ended %d sessions that held a dispatch open while the kill switch was engaged", _evict(key))
    raise HaltsUnreadable("the kill switch could not be locked: try again")


def _taken(key: int) -> bool:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = '{int(PATIENCE_S * 1000)}ms'")
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [key])
            cursor.execute("SET LOCAL lock_timeout = DEFAULT")
    except OperationalError as late:
        if getattr(late.__cause__, "sqlstate", "") != "55P03":  # lock_not_available
            raise
        return False
    return True


def _evict(key: int) -> int:
    """End the sessions that hold the lock; a role may end its own only, and nobody else takes these locks."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_END_HOLDERS, [key >> 32 & _LOW, key & _LOW])
        return len(cursor.fetchall())
