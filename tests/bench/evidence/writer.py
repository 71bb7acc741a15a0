"""A process whose threads do the same business again and again, with one of three kinds of record.

`python -m tests.bench.evidence.writer <tenant> <log> <first writer> <threads>`; reads lines `mode seconds hold_ms` and
answers each with one JSON line: how many transactions were committed, and for `queue` when each event was (on the
clock that all processes share).
"""

import json
import sys
import threading
import time
from collections.abc import Callable
from uuid import UUID

import django

django.setup()

from django.db import connection, transaction  # noqa: E402 - after setup

from controlplane.lib import events, ids  # noqa: E402
from evidence import recording, services  # noqa: E402
from evidence.committing import Sealer  # noqa: E402
from evidence.verify import envelope  # noqa: E402
from policies.events import PolicyDecided  # noqa: E402
from tenants import scope  # noqa: E402
from tenants.actors import Actor  # noqa: E402

ZERO = UUID(int=0)


class Writer:
    """One writer: a business row of its own, a run of its own, the workspace that is everybody's."""

    def __init__(self, tenant: UUID, log: UUID, number: int) -> None:
        self.tenant, self.log, self.number, self.run = tenant, log, number, ids.uuid7()
        self.actor = Actor.system(tenant, "bench")
        self.commits: list[tuple[str, float]] = []
        self.records: dict[str, Callable[[], str]] = {"none": lambda: "", "queue": self.queued, "locked": self.locked}

    def work(self, mode: str, seconds: float, hold_s: float) -> None:
        """Connected before the clock starts, and no longer than it runs."""
        record, self.commits = self.records[mode], []
        connection.ensure_connection()
        ends = time.monotonic() + seconds
        with scope.enter(self.tenant):
            while time.monotonic() < ends:
                with transaction.atomic(durable=True):
                    self.business()
                    made = record()
                    if hold_s:
                        time.sleep(hold_s)
                self.commits.append((made, time.monotonic()))
        connection.close()

    def business(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("UPDATE bench_row SET value = value + 1 WHERE id = %s", [self.number])

    def queued(self) -> str:
        """As the product does it."""
        return str(services.record(self.event(), actor=self.actor, workspace_id=self.log, run_id=self.run).id)

    def locked(self) -> str:
        """As most do it: the same bytes, and the hash of the event before, under the lock of the chain's head."""
        told = self.event()
        with connection.cursor() as cursor:
            cursor.execute("SELECT seq, last FROM bench_head WHERE log = %s FOR UPDATE", [self.log])
            seq, last = cursor.fetchone()
            pk = ids.uuid7()
            draft = recording.Draft(pk, events.type_of(told), events.fields_of(told), self.actor, self.log, None)
            body = recording._body(draft, Sealer([]))
            chained = envelope.event_hash(bytes(last) + body)
            row = [pk, self.log, seq + 1, body, chained]
            cursor.execute("INSERT INTO bench_chain (id, log, seq, body, hash) VALUES (%s, %s, %s, %s, %s)", row)
            cursor.execute("UPDATE bench_head SET seq = %s, last = %s WHERE log = %s", [seq + 1, chained, self.log])
        return ""

    def event(self) -> PolicyDecided:
        """The most frequent kind of event, without content."""
        return PolicyDecided(
            decision_id=self.run,
            environment_id=self.log,
            call_id=self.run,
            action="tool.call",
            tool="servicenow.incident.update",
            effect="ALLOW",
            reasons=[{"effect": "ALLOW", "code": "granted", "rule": "itsm.triage"}],
            obligations=["seal_before_send"],
            revision="itsm-2026-11-21",
            seq=17,
            bundle_sha256="0" * 64,
            duration_us=900,
            decision_digest="0" * 64,
            input=None,
        )


def main(tenant: str, log: str, first: str, threads: str) -> None:
    writers = [Writer(UUID(tenant), UUID(log), int(first) + number) for number in range(int(threads))]
    for line in sys.stdin:
        mode, seconds, hold_ms = line.split()
        crew = [
            threading.Thread(target=writer.work, args=(mode, float(seconds), float(hold_ms) / 1000))
            for writer in writers
        ]
        for thread in crew:
            thread.start()
        for thread in crew:
            thread.join()
        commits = [commit for writer in writers for commit in writer.commits]
        told = commits if mode == "queue" else []
        sys.stdout.write(json.dumps({"count": len(commits), "commits": told}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
