"""Plain django-q2 on its ORM broker: five chained tasks.

Results are kept of the last task only (keeping all of them halves it), the poll is short, tasks are taken in bulk.
"""

from peer import common, django_ground

Q_CLUSTER = {
    "name": "bench",
    "orm": "default",
    "workers": 2,
    "timeout": 60,
    "retry": 90,
    "poll": 0.01,
    "bulk": 10,
    "queue_limit": 50,
    "save_limit": 0,
    "scheduler": False,
}
django_ground.configure("django_q", Q_CLUSTER=Q_CLUSTER)


def step(number: int) -> None:
    if number < common.STEPS:
        _put(number + 1)


def _put(number: int) -> None:
    from django_q.tasks import async_task

    async_task("peer.django_q.step", number, save=number == common.STEPS, group=f"step{number}")


def worker() -> None:
    """One cluster with two workers."""
    from django_q.cluster import Cluster

    common.pause_at_gate()
    cluster = Cluster()
    cluster.start()
    cluster.sentinel.join()


def client() -> None:
    from django.db import transaction

    def submit(count: int) -> None:
        with transaction.atomic():
            for _ in range(count):
                _put(1)

    common.serve(submit)


prepare = django_ground.migrate
