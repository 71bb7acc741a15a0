"""The same piece of work in every tenant, for the processes that tick."""

from collections.abc import Callable, Sequence
from typing import TypeVar
from uuid import UUID

from django.db import InterfaceError, OperationalError, transaction

from controlplane.lib.errors import DomainError
from controlplane.lib.logs import bind, get_logger
from tenants import scope
from tenants.services import every_tenant

log = get_logger(__name__)
T = TypeVar("T")


def in_every_tenant(work: Callable[[], object]) -> None:
    """`in_tenants`, for all that there are."""
    with transaction.atomic():
        tenants = every_tenant()
    in_tenants(tenants, work)


def in_tenants(tenants: Sequence[UUID], work: Callable[[], object]) -> None:
    """Each in its scope, and none waits for what goes wrong in another: see `attempt`."""
    for tenant_id in tenants:
        with scope.enter(tenant_id), bind(tenant_id=tenant_id):
            attempt(work, otherwise=None)


def attempt(work: Callable[[], T], *, otherwise: T) -> T:
    """One tenant's part of a round. What goes wrong in it, a key that opens nothing say, is told; a database that is
    gone ends the round."""
    try:
        return work()
    except DomainError as refusal:
        log.warning("refused in one tenant: %s", refusal.detail, extra={"code": refusal.code})
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        log.exception("failed in one tenant")
    return otherwise
