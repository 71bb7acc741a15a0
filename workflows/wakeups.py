"""Waking runs: a row in the caller's transaction, so that no event is forgotten and none is invented."""

from uuid import UUID

from django_q.tasks import async_task

from controlplane.lib import clock
from tenants import scope
from workflows.models import Run
from workflows.types import ENGINE_RUN_STATES

TASK = "workflows.tasks.wake_run"


def wake(run_id: UUID) -> bool:
    """Have a worker look at the run once this transaction commits; False when it is not the engine's.

    `nudged` reaches a worker that holds the lease right now: it looks again before it parks. `wake_at` reaches
    the sweeper if the queue loses the task. Locks the run; touch its steps after, never before.
    """
    mine = Run.objects.filter(pk=run_id, state__in=ENGINE_RUN_STATES)
    if not mine.update(nudged=True, wake_at=clock.now()):
        return False
    enqueue(run_id)
    return True


def enqueue(run_id: UUID) -> None:
    async_task(TASK, str(scope.current()), str(run_id))
