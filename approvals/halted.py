"""For how long the kill switch made requests wait."""

from collections.abc import Sequence
from datetime import datetime

from django.db.models import Q

from approvals import deadline
from approvals.models import ApprovalRequest
from tenants import scope
from tenants.models import Halt

_EVERYTHING = {"global", "tenant"}


def deadline_of(request: ApprovalRequest, now: datetime) -> datetime:
    """When the time to decide runs out, as of now: halts that concern the request do not use it up."""
    return deadlines([request], now)[0]


def deadlines(requests: Sequence[ApprovalRequest], now: datetime) -> list[datetime]:
    """The same for a page of requests, in their order, with one query."""
    if not requests:
        return []
    oldest = min(request.opened_at for request in requests)
    visible = Q(tenant_id=None) | Q(tenant_id=scope.current())
    halts = list(Halt.objects.filter(visible).exclude(released_at__lte=oldest))
    return [deadline.extended(r.expires_at, r.opened_at, _concerning(r, halts), now) for r in requests]


def _concerning(request: ApprovalRequest, halts: Sequence[Halt]) -> list[deadline.Period]:
    scopes = {(kind, value) for kind, value in request.halt_scopes}
    return [
        (halt.engaged_at, halt.released_at)
        for halt in halts
        if halt.kind in _EVERYTHING or (halt.kind, halt.value) in scopes
    ]
