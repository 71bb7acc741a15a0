"""Whole tenants, and all of them."""

from collections.abc import Iterator
from uuid import UUID

from django.db import transaction

from evidence import guards, retained
from evidence.fsck import logs, rows, snapshot
from evidence.fsck.findings import Finding
from evidence.models import LogHead
from tenants import scope
from tenants.services import every_tenant


def everything(only: UUID | None = None) -> Iterator[Finding]:
    """All findings of one tenant or of all, and those of the guards that all share."""
    signed, here = retained.logs(), set[UUID]()
    tenants = [only] if only else every_tenant()
    for tenant_id in tenants:
        yield from tenant(tenant_id)
        here.update(_heads(tenant_id))
    if only is None:
        strangers = [log_id for log_id, owner in signed.items() if owner not in tenants and log_id not in here]
        yield from (_gone(log_id) for log_id in strangers)
    with transaction.atomic(durable=True):
        down = guards.faults(guards.read())
    yield from (Finding("GUARD", "database", fault) for fault in down)


def tenant(tenant_id: UUID) -> list[Finding]:
    """The findings of one tenant. Heads that left the house are read first: what was signed was committed before."""
    outside = [log_id for log_id, owner in retained.logs().items() if owner == tenant_id]
    known = _heads(tenant_id)
    signed = {log_id: retained.last(log_id) for log_id in known}
    gone = [_gone(log_id) for log_id in outside if log_id not in known]
    with snapshot.of_tenant(tenant_id):
        sealing_keys, found = rows.sealing_keys()
        for head in LogHead.objects.order_by("origin"):
            found += logs.check(head, signed.get(head.pk), sealing_keys)
        found += rows.check()
    return [Finding(one.code, one.place, one.message, tenant_id) for one in [*gone, *found]]


def _heads(tenant_id: UUID) -> set[UUID]:
    with scope.enter(tenant_id), transaction.atomic(durable=True):
        return set(LogHead.objects.values_list("pk", flat=True))


def _gone(log_id: UUID) -> Finding:
    return Finding("LOG-GONE", f"log {log_id}", "a signed head of it is kept outside the database, the log is not here")
