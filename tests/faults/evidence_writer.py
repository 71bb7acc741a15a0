"""A process that writes events of several runs, a part of which it rolls back; prints the ids that were committed.

`python -m tests.faults.evidence_writer <tenant> <log> <count> <seed>`
"""

import random
import sys
import time
from uuid import UUID

import django

django.setup()

from django.db import transaction  # noqa: E402 - after setup

from controlplane.lib.ids import uuid7  # noqa: E402
from evidence import services  # noqa: E402
from evidence.events import LogHeartbeat  # noqa: E402
from tenants import scope  # noqa: E402
from tenants.actors import Actor  # noqa: E402


def main(tenant: UUID, log: UUID, count: int, seed: int) -> None:
    source, actor = random.Random(seed), Actor.system(tenant, "writer")
    runs = [uuid7() for _ in range(3)]
    with scope.enter(tenant):
        for number in range(count):
            with transaction.atomic():
                receipt = services.record(
                    LogHeartbeat(number), actor=actor, workspace_id=log, run_id=source.choice(runs)
                )
                time.sleep(source.random() * 0.1)
                kept = source.random() > 0.1
                transaction.set_rollback(not kept)
            if kept:
                sys.stdout.write(f"{receipt.id}\n")
                sys.stdout.flush()


if __name__ == "__main__":
    main(UUID(sys.argv[1]), UUID(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
