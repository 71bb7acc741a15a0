"""A process with several threads that write events as business does, until it is told to stop or killed.

`python -m tests.torture.writer <order.json> <number> <seed>`; the order names the tenant, the logs with their runs, the
ledger's folder and how many threads. A thread notes what it knows to be committed, and what it knows to be undone;
what was under way when it was killed is in neither list.
"""

import json
import os
import random
import signal
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from uuid import UUID

import django

django.setup()

from django.db import DatabaseError, connection, transaction  # noqa: E402 - after setup

from controlplane.lib.errors import DomainError  # noqa: E402
from controlplane.lib.events import Committed  # noqa: E402
from evidence import services  # noqa: E402
from evidence.events import LogHeartbeat  # noqa: E402
from evidence.recording import Entry, Recorded  # noqa: E402
from policies.events import PolicyDecided  # noqa: E402
from tenants import scope  # noqa: E402
from tenants.actors import Actor  # noqa: E402

UNDONE = 0.1
SEALS = 0.02
PAUSE_S = 0.02


class Thread(threading.Thread):
    def __init__(self, order: SimpleNamespace, name: str, seed: str, stop: threading.Event) -> None:
        super().__init__(name=name)
        self.order, self.stop, self.source = order, stop, random.Random(seed)
        self.tenant = UUID(order.tenant)
        self.actor = Actor.system(self.tenant, "writer")
        self.ledgers = {kept: (Path(order.folder) / f"{name}.{kept}").open("ab", 0) for kept in ("kept", "undone")}

    def run(self) -> None:
        with scope.enter(self.tenant):
            while not self.stop.is_set():
                try:
                    kept, line = self.once()
                    self.ledgers[kept].write(line)
                except (DatabaseError, DomainError):
                    connection.close()
                time.sleep(self.source.random() * PAUSE_S)
        connection.close()

    def once(self) -> tuple[str, bytes]:
        """One transaction; what became of it, and its ids."""
        with transaction.atomic(durable=True):
            receipts = self.write()
            time.sleep(self.source.random() * PAUSE_S)
            kept = self.source.random() > UNDONE
            transaction.set_rollback(not kept)
        return "kept" if kept else "undone", "".join(f"{receipt.id}\n" for receipt in receipts).encode()

    def write(self) -> list[Recorded]:
        log = self.source.choice(self.order.logs)
        place, run = UUID(log["id"]), UUID(self.source.choice(log["runs"]))
        if self.source.random() < SEALS:
            told = services.record(LogHeartbeat(0), actor=self.actor, workspace_id=place, run_id=run)
            return [told, services.close_run(run_id=run, actor=self.actor)]
        size = self.source.choice((1, 1, 1, 2, 5))
        return services.record_many([self.entry(place, run) for _ in range(size)])

    def entry(self, place: UUID, run: UUID) -> Entry:
        return Entry(self.event(), self.actor, place, run if self.source.random() < 0.8 else None)

    def event(self) -> object:
        """With content to commit to, or without."""
        if self.source.random() < 0.5:
            return LogHeartbeat(self.source.randrange(1000))
        some = UUID(int=self.source.getrandbits(128))
        return PolicyDecided(
            decision_id=some,
            environment_id=some,
            call_id=None,
            action="tool.call",
            tool="servicenow.incident.update",
            effect="ALLOW",
            reasons=[],
            obligations=[],
            revision="r1",
            seq=1,
            bundle_sha256="0" * 64,
            duration_us=900,
            decision_digest="0" * 64,
            input=Committed(os.urandom(64), "application/octet-stream"),
        )


def main(order_file: str, number: str, seed: str) -> None:
    facts = SimpleNamespace(**json.loads(Path(order_file).read_text()))
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    threads = [Thread(facts, f"{number}-{seed}-{at}", f"{seed}/{at}", stop) for at in range(facts.threads)]
    for thread in threads:
        thread.start()
    sys.stdout.write("writing\n")
    sys.stdout.flush()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main(*sys.argv[1:])
