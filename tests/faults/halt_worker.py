"""A worker process: several threads that carry runs of one tenant as far as they go, until it is told to stop.

`python -m tests.faults.halt_worker <tenant> <threads> <seed>`
"""

import random
import signal
import sys
import threading
from uuid import UUID

import django

django.setup()

from django.db import connection, transaction  # noqa: E402 - after setup

from connectors import gateway  # noqa: E402
from controlplane.lib import clock  # noqa: E402
from policies.services import decide_many  # noqa: E402
from tenants import scope  # noqa: E402
from workflows.engine import Engine  # noqa: E402
from workflows.models import Run  # noqa: E402
from workflows.types import ENGINE_RUN_STATES  # noqa: E402

stop = threading.Event()


def main(tenant: str, threads: int, seed: int) -> None:
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    carriers = [threading.Thread(target=carry, args=(tenant, random.Random(seed + n))) for n in range(threads)]
    for carrier in carriers:
        carrier.start()
    sys.stdout.write("working\n")
    sys.stdout.flush()
    for carrier in carriers:
        carrier.join()


def carry(tenant: str, chance: random.Random) -> None:
    engine = Engine(gateway, decide_many)
    try:
        while not stop.is_set():
            due = due_runs(tenant)
            if due:
                with scope.enter(UUID(tenant)):
                    engine.wake(chance.choice(due))
            else:
                stop.wait(0.05)
    finally:
        connection.close()


def due_runs(tenant: str) -> list[UUID]:
    with scope.enter(UUID(tenant)), transaction.atomic():
        due = Run.objects.filter(state__in=ENGINE_RUN_STATES, wake_at__lte=clock.now())
        return list(due.values_list("pk", flat=True)[:50])


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
