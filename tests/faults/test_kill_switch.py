"""The kill switch under load: worker processes carry 50 runs that write to ServiceNow while it is engaged.

Judged by two books. Ours: no forward dispatch commits once the switch holds its lock (the attempts are read in the
transaction that engages, so nothing falls between). The stand-in's: no forward write comes in later than a second
after the commit.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.db import transaction

from connectors.models import CallAttempt, ToolCall
from evidence.models import Event
from policies.types import PackSource
from tenants import halts, scope
from tenants.halt_scopes import Kind, Scope
from tenants.models import Halt
from tests import gateway_ground, ground
from tests.integration.workflows.conftest import Floor, unruled  # noqa: F401 - a fixture
from workflows import services, sweeping
from workflows.models import Run, Step
from workflows.types import CLOSED_RUN_STATES

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]

RUNS = 50
STREAM = """\
apiVersion: interlock/v1
kind: Workflow
metadata: {name: stream, version: 1.0.0}
spec:
  trigger: {webhook: {connector: servicenow, event: incident.created, key: "${{ event.sys_id }}"}}
  steps:
    - id: one
      call: servicenow.incident.update
      with: {sys_id: "${{ trigger.sys_id }}", fields: {category: network}, work_note: First.}
    - id: two
      call: servicenow.incident.update
      needs: [one]
      with: {sys_id: "${{ trigger.sys_id }}", fields: {impact: "2"}, work_note: Second.}
"""
PACK = """\
package interlock.packs.stream

grants contains {"rule": "stream"} if input.resource.workflow == "stream"

undo_grants contains {"rule": "stream"} if input.resource.workflow == "stream"
"""


@dataclass
class Load:
    """Workers at the runs of one tenant; `seen` are the forward attempts when the switch was engaged."""

    floor: Floor
    database: str
    layout: tuple[int, int]
    workers: list[subprocess.Popen[str]] = field(default_factory=list)
    seen: set[UUID] = field(default_factory=set)
    engaged_at: float = 0.0

    def start_workers(self) -> None:
        processes, threads = self.layout
        patience = {"INTERLOCK_PDP_DEADLINE_MS": "10000", "INTERLOCK_EVIDENCE_MAX_LAG_S": "3600"}
        environment = {**os.environ, **patience, "INTERLOCK_DB_NAME": self.database}
        tenant = str(self.floor.side.tenant.id)
        command = [sys.executable, "-m", "tests.faults.halt_worker", tenant, str(threads)]
        self.workers = [
            subprocess.Popen(
                [*command, str(number * 100)], cwd=ground.ROOT, env=environment, stdout=subprocess.PIPE, text=True
            )
            for number in range(processes)
        ]
        for worker in self.workers:
            assert worker.stdout.readline() == "working\n"

    def kill_workers(self, number: int = signal.SIGKILL) -> None:
        for worker in self.workers:
            worker.send_signal(number)
        for worker in self.workers:
            worker.wait(60)
            worker.stdout.close()
        self.workers = []

    def engage(self, mode: str) -> Halt:
        """What is dispatched is read in the engaging transaction itself, after the lock, before the commit."""
        with transaction.atomic():
            halt = halts.put_in_force(
                scope=Scope(Kind.WORKFLOW, "stream"), mode=mode, reason="odd writes", actor=self.floor.dana
            )
            self.seen = self.forward()
        self.engaged_at = time.time()
        return halt

    def forward(self) -> set[UUID]:
        return set(CallAttempt.objects.filter(call__lane="forward").values_list("pk", flat=True))

    def dispatched_after(self) -> set[UUID]:
        with transaction.atomic():
            return self.forward() - self.seen

    def late_bytes(self) -> list[float]:
        """How long after the commit forward writes came in at ServiceNow, in seconds."""
        with transaction.atomic():
            undoing = {str(pk.hex) for pk in ToolCall.objects.filter(lane="compensation").values_list("pk", flat=True)}
        sent = [row for row in self.floor.vendors.log() if row["method"] in {"PATCH", "POST", "PUT"}]
        ours = [row for row in sent if not any(call in row["body"] for call in undoing)]
        return [row["at"] - self.engaged_at for row in ours if row["at"] > self.engaged_at]

    def written(self) -> int:
        return len(gateway_ground.writes(self.floor.vendors))

    def confirmed(self, halt: Halt) -> Halt:
        wait_for(lambda: self._confirmed(halt) is not None, 60)
        return self._confirmed(halt)

    def _confirmed(self, halt: Halt) -> Halt | None:
        sweeping.settle_halts()
        with transaction.atomic():
            return Halt.objects.exclude(confirmed_at=None).filter(pk=halt.pk).first()

    def states(self) -> dict[str, int]:
        with transaction.atomic():
            found = list(Run.objects.values_list("state", flat=True))
        return {state: found.count(state) for state in sorted(set(found))}


def say(words: str) -> None:
    sys.stdout.write(f"kill switch: {words}\n")


def wait_for(condition: Callable[[], Any], seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.1)


@pytest.fixture(params=[(2, 4), pytest.param((8, 1), marks=pytest.mark.long)], ids=["2x4", "8x1"])
def load(committed_db: str, unruled: Floor, request: pytest.FixtureRequest) -> Iterator[Load]:  # noqa: F811
    """Eight workers on 50 runs, with a ServiceNow that takes a moment, so that calls are in flight at any time."""
    floor = unruled
    gateway_ground.publish(floor.side, floor.alice, stream=PackSource(PACK))
    services.publish_version(workspace_id=floor.side.workspace.id, source=STREAM, actor=floor.alice)
    for number in range(RUNS):
        trigger = {"sys_id": floor.vendors.incident(category="inquiry"), "number": f"INC{number:07}"}
        floor.start(trigger, key=f"run{number}", workflow="stream")
    floor.vendors.fault("slow", times=100_000, args={"seconds": 0.2}, path="/api/now", method="PATCH")
    made = Load(floor, committed_db, request.param)
    try:
        made.start_workers()
        yield made
    finally:
        made.kill_workers()


def assert_nothing_got_out(load: Load) -> None:
    assert load.dispatched_after() == set(), "a forward dispatch committed after the switch"
    late = load.late_bytes()
    assert [seconds for seconds in late if seconds > 1.0] == [], "a forward write left later than a second after"
    say(f"forward writes that came in after the commit: {len(late)}, the last {max(late, default=0):.3f} s after")


def test_nothing_is_dispatched_after_a_freeze_also_not_by_workers_that_start_again(load: Load) -> None:
    wait_for(lambda: load.written() >= 10)
    halt = load.confirmed(load.engage("freeze"))
    say(f"confirmed after {halt.confirmed_after_ms} ms; runs {load.states()}")
    assert halt.confirmed_after_ms < 30_000
    load.kill_workers()
    written = load.written()
    load.start_workers()
    time.sleep(4)
    assert_nothing_got_out(load)
    assert load.written() == written
    assert load.states().get("SUCCEEDED", 0) < RUNS


def test_stop_and_undo_takes_back_all_that_can_be_taken_back(load: Load) -> None:
    wait_for(lambda: load.written() >= 10)
    halt = load.confirmed(load.engage("stop_and_undo"))
    say(f"confirmed after {halt.confirmed_after_ms} ms; runs {load.states()}")
    wait_for(lambda: closed(load), 300)
    assert_nothing_got_out(load)
    say(f"runs at the end {load.states()}")
    assert set(load.states()) <= {"SUCCEEDED", "ROLLED_BACK", "CANCELLED"}
    assert load.states()["ROLLED_BACK"] > 0
    with transaction.atomic():
        left = Step.objects.exclude(run__state="SUCCEEDED").filter(effect__isnull=False).exclude(state="COMPENSATED")
        assert not left.exists()
        undone = set(Run.objects.filter(state="ROLLED_BACK").values_list("ticket_id", flat=True))
        untouched = set(Run.objects.filter(state="CANCELLED").values_list("ticket_id", flat=True))
    records = load.floor.vendors.ctl("state", method="GET")["servicenow"]["incident"]
    assert {records[sys_id]["category"] for sys_id in undone | untouched} == {"inquiry"}


def closed(load: Load) -> bool:
    sweeping.settle_halts()
    return set(load.states()) <= {str(state) for state in CLOSED_RUN_STATES}


@pytest.fixture
def one(committed_db: str, unruled: Floor) -> SimpleNamespace:  # noqa: F811
    """One run of the stream, nobody at it."""
    floor = unruled
    gateway_ground.publish(floor.side, floor.alice, stream=PackSource(PACK))
    services.publish_version(workspace_id=floor.side.workspace.id, source=STREAM, actor=floor.alice)
    run = floor.start({"sys_id": floor.vendors.incident(category="inquiry")}, workflow="stream")
    return SimpleNamespace(floor=floor, run=run, database=committed_db)


def as_superuser(database: str, statement: str) -> None:
    with psycopg.connect(ground.superuser_dsn(database), autocommit=True) as admin:
        admin.execute(statement)


def test_while_the_switch_cannot_be_read_nothing_is_sent(one: SimpleNamespace) -> None:
    as_superuser(one.database, "REVOKE SELECT ON tenants_halt FROM interlock_app")
    one.floor.wake(one.run)
    assert gateway_ground.writes(one.floor.vendors) == []
    with transaction.atomic():
        assert ("HALTED", "halts_unreadable") in set(ToolCall.objects.values_list("state", "code"))
        assert not CallAttempt.objects.exists()
    as_superuser(one.database, "GRANT SELECT ON tenants_halt TO interlock_app")


def test_it_engages_without_evidence_and_is_put_on_record_later(one: SimpleNamespace) -> None:
    """The evidence tables refuse every insert: the switch holds all the same."""
    tenant_id = one.floor.side.tenant.id
    as_superuser(one.database, "REVOKE INSERT ON evidence_event FROM interlock_app")
    halt = halts.engage(scope=Scope(Kind.TENANT), mode="freeze", reason="odd", actor=one.floor.dana)
    one.floor.wake(one.run)
    assert gateway_ground.writes(one.floor.vendors) == []
    as_superuser(one.database, "GRANT INSERT ON evidence_event TO interlock_app")
    sweeping.settle_halts()
    with scope.enter(tenant_id), transaction.atomic():
        told = Event.objects.filter(type__startswith="halt.").order_by("id").values_list("type", flat=True)
        assert list(told) == ["halt.engaged", "halt.confirmed"]
        assert Halt.objects.get(pk=halt.pk).recorded
