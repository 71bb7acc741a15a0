"""Has everybody outside seen what they should have by now? Asked by the console and by `manage.py doctor`."""

from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Max

from controlplane.lib import clock
from evidence.models import Anchor, Checkpoint, Cosignature, LogHead, Outlet
from evidence.outside import Outside, configured
from tenants import scope
from tenants.services import every_tenant

LATE = timedelta(minutes=5)
"""Rounds are a minute apart, and somebody may miss a few."""


def everywhere() -> list[str]:
    """Who is late, a line for each log; raises OutsideMisconfigured."""
    outside = configured()
    with transaction.atomic():
        tenants = every_tenant()
    return [line for tenant_id in tenants for line in _in_tenant(tenant_id, outside)]


def _in_tenant(tenant_id: UUID, outside: Outside) -> list[str]:
    with scope.enter(tenant_id), transaction.atomic():
        heads = LogHead.objects.order_by("pk")
        return [f"{head.origin} by {', '.join(names)}" for head in heads if (names := list(of(head, outside)))]


def of(head: LogHead, outside: Outside) -> Iterator[str]:
    """Who has not seen a head of this log that was signed more than `LATE` ago: their names. A frozen log is not shown
    to anybody. In the scope of the tenant."""
    if head.frozen_reason:
        return
    anchored = Anchor.objects.filter(log_id=head.pk).aggregate(size=Max("size"))["size"]
    # the record of an anchor is a leaf as well, and no reason for another
    if outside.tsas and _waits(head, -1 if anchored is None else anchored, besides=1):
        yield "time-stamping authorities"
    for witness in outside.witnesses:
        seen = Cosignature.objects.filter(log_id=head.pk, name=witness.trusted.name).aggregate(size=Max("size"))
        if _waits(head, seen["size"] or 0):
            yield witness.trusted.name
    for place in outside.places:
        told = Outlet.objects.filter(log_id=head.pk, place=place.name).first()
        if place.tenant_id == head.tenant_id and _waits(head, told.size if told else 0):
            yield place.name


def _waits(head: LogHead, seen: int, *, besides: int = 0) -> bool:
    beyond = Checkpoint.objects.filter(log_id=head.pk, size__gt=seen + besides).order_by("size").first()
    return beyond is not None and beyond.created_at < clock.now() - LATE
