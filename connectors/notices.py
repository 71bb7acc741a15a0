"""Messages that policy wants sent: each is a call that was written down with the decision (`gateway.telling`)."""

from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from connectors import gateway
from connectors.calls import FINAL, CallStatus, Lane
from connectors.gateway.telling import PART, STEP
from connectors.models import ToolCall
from controlplane.lib import clock
from tenants import scope
from tenants.actors import Actor

_FRESH = timedelta(days=1)
"""A message older than that tells nobody anything."""


def send(*, call_id: UUID) -> CallStatus:
    """Send a message that was ordered. May run any number of times: the gateway sends it once."""
    return gateway.advance(call_id=call_id, actor=Actor.system(scope.current(), PART))


def catch_up(limit: int = 50) -> int:
    """Send what a lost wake-up left behind and what was held back for a time; returns how many were looked at."""
    with transaction.atomic():
        behind = _behind(limit)
    for call_id in behind:
        send(call_id=call_id)
    return len(behind)


def _behind(limit: int) -> list[UUID]:
    now = clock.now()
    due = (Q(retry_at=None) | Q(retry_at__lte=now)) & (Q(lease_until=None) | Q(lease_until__lte=now))
    ours = ToolCall.objects.filter(due, lane=Lane.SYSTEM, step_id=STEP, created_at__gt=now - _FRESH)
    return list(ours.exclude(state__in=FINAL).order_by("id").values_list("pk", flat=True)[:limit])
