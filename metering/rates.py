"""Rate limits: one bucket per connector instance, as the generic cell rate algorithm (ITU-T I.371).

The bucket holds one minute of calls and refills evenly, so a rested instance may send `per_minute` at once
and less than twice as many in any minute.
"""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from controlplane.lib import clock, ids
from metering.models import RateBucket
from tenants import scope

_TAKE = f"""
INSERT INTO {RateBucket._meta.db_table} AS bucket (id, created_at, tenant_id, instance_id, full_at)
VALUES (%(id)s, %(now)s, %(tenant)s, %(instance)s, %(now)s + %(step)s)
ON CONFLICT (tenant_id, instance_id) DO UPDATE SET full_at = GREATEST(bucket.full_at, %(now)s) + %(step)s
WHERE bucket.full_at <= %(now)s + %(room)s
RETURNING 1
"""  # noqa: S608 - the table's name is ours


def take(instance_id: UUID, per_minute: int) -> float | None:
    """None when a call may go now, else the seconds until one may. One statement decides under races."""
    if per_minute < 1:
        raise ValueError("a rate limit allows at least one call per minute")
    now, step = clock.now(), timedelta(minutes=1) / per_minute
    room = timedelta(minutes=1) - step
    values: dict[str, Any] = {
        "id": ids.uuid7(),
        "now": now,
        "tenant": scope.current(),
        "instance": instance_id,
        "step": step,
        "room": room,
    }
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, values)
        if cursor.fetchone():
            return None
    full_at = RateBucket.objects.values_list("full_at", flat=True).get(instance_id=instance_id)
    return max((full_at - room - now).total_seconds(), 0.001)
