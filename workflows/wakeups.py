"""Waking runs: a mark on the run in the caller's transaction, so that no event is forgotten and none is invented.

The queue is the runs' own rows (`Run.ready_at`). What the broker of django-q2 carries is a doorbell without ids:
it may ring twice, late or never, because a worker that comes looks at the rows, and the sweeper rings for what
still waits.
"""

from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django_q.brokers import get_broker
from django_q.tasks import async_task

from controlplane.lib import clock
from tenants import scope
from tenants.models.base import require_transaction
from workflows.broker import BELL_TASK, PostgresBroker
from workflows.types import ENGINE_RUN_STATES

_MOVING = sorted(state.value for state in ENGINE_RUN_STATES)
_WAKE = """
UPDATE workflows_run SET nudged = true, lane = CASE WHEN stop = '' THEN lane ELSE '' END,
       ready_at = CASE WHEN lease_until > %(now)s THEN ready_at ELSE coalesce(ready_at, %(now)s) END,
       wake_at = CASE WHEN lease_until > %(now)s THEN wake_at ELSE %(now)s END
 WHERE tenant_id = %(tenant)s AND id = %(run)s AND state = ANY(%(states)s)
"""


def wake(run_id: UUID) -> bool:
    """Have a worker look at the run once this transaction commits; False when it is not the engine's.

    `nudged` reaches a worker that holds the lease right now: it looks again before it parks. Otherwise the run
    goes into the queue; one that is to stop no longer waits for room. Locks the run; touch its steps after, never
    before.
    """
    require_transaction()
    given: dict[str, Any] = {"now": clock.now(), "tenant": scope.current(), "run": run_id, "states": _MOVING}
    with connection.cursor() as cursor:
        cursor.execute(_WAKE, given)
        if not cursor.rowcount:
            return False
    ring()
    return True


def ring() -> None:
    """Call a worker to the queue once this transaction commits; however often in one transaction, it is one bell."""
    if not any(waiting[1] is _ring for waiting in connection.run_on_commit):
        transaction.on_commit(_ring, robust=True)


def _ring() -> None:
    broker = get_broker()
    if isinstance(broker, PostgresBroker):
        broker.ring()
    else:
        async_task(BELL_TASK, broker=broker)
