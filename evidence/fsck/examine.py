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
    for tenant_id in [only] if only else every_tenant():
        yield from tenant(tenant_id)
    with transaction.atomic(durable=True):
        down = guards.faults(guards.read())
    yield from (Finding("GUARD", "database", fault) for fault in down)


def tenant(tenant_id: UUID) -> list[Finding]:
    """The findings of one tenant. Heads that left the house are read first: what was signed was committed before."""
    with scope.enter(tenant_id), transaction.atomic(durable=True):
        known = list(LogHead.objects.values_list("pk", flat=True))
    signed = {log_id: retained.last(log_id) for log_id in known}
    with snapshot.of_tenant(tenant_id):
        sealing_keys, found = rows.sealing_keys()
        for head in LogHead.objects.order_by("origin"):
            found += logs.check(head, signed.get(head.pk), sealing_keys)
        found += rows.check()
    return [Finding(one.code, one.place, one.message, tenant_id) for one in found]
