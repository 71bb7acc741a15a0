"""Taking runs out of the queue, of all tenants at once. The queue is `Run.ready_at`; the database keeps it fair.

Each place of the queue (a tenant, and in it each workflow that may run only so often at once) is found by one
probe of an index, gets the same share of a wave, and within it the most urgent and then the oldest come first.
"""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from controlplane.lib import clock
from workflows.locks import Lease, lease_end

_CLAIM = "SELECT tenant_id, run_id, fence, place FROM routing.claim_runs(%s, %s, %s, %s, %s)"


@dataclass
class Queue:
    """One worker's place in the walk around all tenants."""

    after: UUID = field(default=UUID(int=0))

    @transaction.atomic(durable=True)
    def claim(self, most: int) -> dict[UUID, list[Lease]]:
        """Take up to `most` runs that wait for a worker; the leases by tenant.

        Committed before any work, and `crashes` counted up front, so that a run whose worker dies every time is
        noticed. While the lease stands, the sweeper's next look is its end.
        """
        limit: int = settings.INTERLOCK_TENANT_RUNNING
        with connection.cursor() as cursor:
            cursor.execute(_CLAIM, [clock.now(), lease_end(), most, self.after, limit])
            taken = cursor.fetchall()
        self.after = max(taken, key=lambda row: row[3])[0] if taken else UUID(int=0)
        leases: dict[UUID, list[Lease]] = {}
        for tenant_id, run_id, fence, _ in taken:
            leases.setdefault(tenant_id, []).append(Lease(run_id, fence))
        return leases


@transaction.atomic(durable=True)
def make_due(at: datetime, most: int) -> int:
    """Queue every run whose time has come; returns how many."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT routing.make_due(%s, %s)", [at, most])
        return int(cursor.fetchone()[0])


@transaction.atomic
def any_ready() -> bool:
    """Whether some run of some tenant waits for a worker."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT routing.any_ready()")
        return bool(cursor.fetchone()[0])
