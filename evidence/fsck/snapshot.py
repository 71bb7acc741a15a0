"""One view of the whole database, however long it takes to read it."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from django.db import connection, transaction
from psycopg import IsolationLevel

from tenants import scope


@contextmanager
def of_tenant(tenant_id: UUID) -> Iterator[None]:
    """Read what was committed at this moment, in the scope of the tenant. Changes nothing."""
    connection.ensure_connection()
    raw = connection.connection
    before, raw.isolation_level = raw.isolation_level, IsolationLevel.REPEATABLE_READ
    try:
        with scope.enter(tenant_id), transaction.atomic(durable=True):
            yield
    finally:
        raw.isolation_level = before
