"""Which tenant this piece of work is for.

A scope is entered from the URL, the token or the task, never guessed. Without one, a query for tenant rows
raises. The database repeats it: every BEGIN sets `interlock.tenant` for row security, transaction-local.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import connection
from psycopg.pq import TransactionStatus

from tenants.errors import ScopeConflict, ScopeMissing

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

_tenant: ContextVar[UUID | None] = ContextVar("tenant", default=None)

SETTING = "interlock.tenant"


def current() -> UUID:
    """The tenant of this piece of work; raises ScopeMissing when none was named."""
    tenant_id = _tenant.get()
    if tenant_id is None:
        raise ScopeMissing("no tenant scope is entered here")
    return tenant_id


def current_or_none() -> UUID | None:
    return _tenant.get()


@contextmanager
def enter(tenant_id: UUID) -> Iterator[None]:
    """Work for one tenant. Entering the same tenant again is fine; another one raises ScopeConflict."""
    before = _tenant.get()
    if before is not None and before != tenant_id:
        raise ScopeConflict(f"inside the scope of {before}, asked for {tenant_id}")
    token = _tenant.set(tenant_id)
    try:
        if connection.in_atomic_block:
            announce(connection)
        yield
    finally:
        _tenant.reset(token)
        if connection.in_atomic_block and _usable(connection):
            announce(connection)


def announce(wrapper: "BaseDatabaseWrapper") -> None:
    """Tell the open transaction which tenant it works for (nothing = no tenant)."""
    tenant_id = _tenant.get()
    with wrapper.connection.cursor() as cursor:
        cursor.execute("SELECT set_config(%s, %s, true)", [SETTING, str(tenant_id) if tenant_id else ""])


def _usable(wrapper: "BaseDatabaseWrapper") -> bool:
    """A failed transaction takes no statement; its rollback also takes the setting back."""
    if wrapper.connection is None or wrapper.connection.closed:
        return False
    return bool(wrapper.connection.info.transaction_status != TransactionStatus.INERROR)
