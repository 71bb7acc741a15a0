"""Waking runs: a mark on the run in the caller's transaction, so that no event is forgotten and none is invented.

The queue is the runs' own rows (`Run.ready_at`). What the broker of django-q2 carries is a doorbell without ids:
it may ring twice, late or never, because a worker that comes looks at the rows, and the sweeper rings for what
still waits.
"""

from datetime import datetime
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Case, CharField, F, Q, Value, When
from django.db.models.functions import Coalesce
from django_q.brokers import get_broker
from django_q.tasks import async_task

from controlplane.lib import clock
from workflows.broker import BELL_TASK, PostgresBroker
from workflows.models import Run
from workflows.types import ENGINE_RUN_STATES


def wake(run_id: UUID) -> bool:
    """Have a worker look at the run once this transaction commits; False when it is not the engine's.

    `nudged` reaches a worker that holds the lease right now: it looks again before it parks. Otherwise the run
    goes into the queue; one that is to stop no longer waits for room. Locks the run; touch its steps after, never
    before.
    """
    now = clock.now()
    mine = Run.objects.filter(pk=run_id, state__in=ENGINE_RUN_STATES)
    if not mine.update(nudged=True, **_queued(now)):
        return False
    ring()
    return True


def _queued(now: datetime) -> dict[str, Case]:
    free = Q(lease_until=None) | Q(lease_until__lte=now)
    return {
        "ready_at": Case(When(free, then=Coalesce("ready_at", Value(now))), default=F("ready_at")),
        "wake_at": Case(When(free, then=Value(now)), default=F("wake_at")),
        "lane": Case(When(stop="", then=F("lane")), default=Value(""), output_field=CharField()),
    }


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
