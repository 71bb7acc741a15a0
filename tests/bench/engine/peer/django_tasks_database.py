"""django-tasks-db: five chained tasks, the worker's interval at 10 ms instead of 1 s."""

from peer import common, django_ground

TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend"}}
django_ground.configure("django_tasks", "django_tasks_db", TASKS=TASKS)

from django_tasks import task  # noqa: E402 - needs settings


@task()
def step(number: int) -> None:
    if number < common.STEPS:
        step.enqueue(number=number + 1)


def worker() -> None:
    from django.core.management import call_command

    common.pause_at_gate()
    call_command("db_worker", interval=0.01, startup_delay=False, verbosity=0)


def client() -> None:
    from django.db import transaction

    def submit(count: int) -> None:
        with transaction.atomic():
            for _ in range(count):
                step.enqueue(number=1)

    common.serve(submit)


prepare = django_ground.migrate
