"""One environment for many cases: a database of its own, stand-ins, clusters, sweepers, sequencers, people's hands."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg

from connectors import manifests
from connectors.sandbox import accounts
from tenants import scope
from tests import gateway_ground, ground
from tests.faults import workflows
from tests.faults.orders import Orders
from tests.stand_ins import StandIns, running

RUN_LEASE_S, CALL_LEASE_S, WINDOW_S, DEADLINE_S = 4, 6, 2, 2
SETTLE_S = 5
LEASE_S = max(RUN_LEASE_S, CALL_LEASE_S)
PATIENT_MANIFEST = "0.9.0"
CHANNELS = 400
START_S = 60.0

CLOCKS = {
    "INTERLOCK_RUN_LEASE_S": RUN_LEASE_S,
    "INTERLOCK_CALL_LEASE_S": CALL_LEASE_S,
    "INTERLOCK_SEND_WINDOW_S": WINDOW_S,
    "INTERLOCK_HARD_DEADLINE_S": DEADLINE_S,
    "INTERLOCK_IDLE_TRANSACTION_S": 3,
    "INTERLOCK_WORKERS": 3,
    "INTERLOCK_CALLS_PER_WORKER": 4,
}


@dataclass(frozen=True)
class Processes:
    """Children of one nursery, in sessions of their own; their words are kept for the message of a failed test."""

    folder: Path
    nursery: "subprocess.Popen[bytes]"

    def start(self, name: str, role: str, **environment: str) -> None:
        assert self.nursery.stdin is not None
        (self.folder / "pids" / name).unlink(missing_ok=True)
        told = {"name": name, "role": role, "environment": environment}
        self.nursery.stdin.write(json.dumps(told).encode() + b"\n")
        self.nursery.stdin.flush()

    def pid(self, name: str) -> int:
        """Of a process that was started; waits until it is."""
        file, deadline = self.folder / "pids" / name, time.monotonic() + START_S
        while not file.exists() or not file.read_text():
            assert self.nursery.poll() is None, self.said()
            assert time.monotonic() < deadline, f"{name} never started"
            time.sleep(0.02)
        return int(file.read_text())

    def check(self) -> None:
        assert self.nursery.poll() is None, f"the processes under test ended\n{self.said()}"

    def end(self, name: str) -> None:
        """SIGKILL to the whole session: also to a sleeper in it."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid(name), signal.SIGKILL)
        (self.folder / "pids" / name).unlink()

    def end_all(self) -> None:
        for file in list((self.folder / "pids").iterdir()):
            self.end(file.name)
        self.nursery.kill()
        self.nursery.wait()
        assert self.nursery.stdin is not None
        self.nursery.stdin.close()

    def said(self) -> str:
        return "\n".join(f"[{log.stem}] {log.read_text()[-3000:]}" for log in sorted(self.folder.glob("*.log")))


def _nursery(folder: Path, database: str) -> "subprocess.Popen[bytes]":
    environment = {**os.environ, **{key: str(value) for key, value in CLOCKS.items()}}
    environment |= {"INTERLOCK_DB_NAME": database, "INTERLOCK_DB_ROLE": "app"}
    with (folder / "nursery.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.faults.process", str(folder)],
            cwd=ground.ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
        )


@dataclass(frozen=True)
class Arena:
    """Where cases run. `side` is the tenant with its people and its admin."""

    side: SimpleNamespace
    vendors: StandIns
    orders: Orders
    processes: Processes
    database: str

    def hand(self, verb: str, person: Any, **arguments: Any) -> None:
        """Let a person do something in a process of its own."""
        told = {"verb": verb, "tenant": str(self.side.tenant.id), "person": str(person.id), "arguments": arguments}
        with (self.orders.folder / "hands").open("a") as pipe:
            pipe.write(json.dumps(told) + "\n")


@contextmanager
def database(name: str, unblock: Any) -> Iterator[str]:
    """A clone in which commits are real, as `committed_db`, for longer than one test."""
    from django.db import connections

    settings = connections.settings["default"]
    before, told = settings["NAME"], os.environ["INTERLOCK_DB_NAME"]
    ground.clone(name)
    connections.close_all()
    settings["NAME"] = os.environ["INTERLOCK_DB_NAME"] = name
    try:
        with unblock():
            yield name
            connections.close_all()
    finally:
        settings["NAME"], os.environ["INTERLOCK_DB_NAME"] = before, told
        ground.drop(name)


@contextmanager
def many_channels() -> Iterator[None]:
    """A channel for each case: Slack limits one, and a probe looks back in one."""
    added = {channel(number): f"matrix-{number}" for number in range(CHANNELS)}
    accounts.SLACK_CHANNELS.update(added)
    try:
        yield
    finally:
        for name in added:
            del accounts.SLACK_CHANNELS[name]


def channel(number: int) -> str:
    return f"C0F{number:05d}"


@contextmanager
def opened(name: str, unblock: Any) -> Iterator[Arena]:
    """Everything up; everything gone afterwards."""
    with ExitStack() as stack:
        stack.enter_context(many_channels())
        stack.enter_context(database(name, unblock))
        vendors = stack.enter_context(running())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        orders = Orders(folder)
        orders.prepare()
        os.mkfifo(folder / "hands")
        processes = Processes(folder, _nursery(folder, name))
        stack.callback(processes.end_all)
        side = _furnished(vendors)
        stack.enter_context(scope.enter(side.tenant.id))
        yield Arena(side, vendors, orders, processes, name)


def superuser(arena: Arena, statement: str) -> None:
    """What only an operator of the database could do, or its disk."""
    with psycopg.connect(ground.superuser_dsn(arena.database), autocommit=True) as admin:
        admin.execute(statement)


def populate(arena: Arena, **extra: str) -> None:
    """Two clusters of three workers, two sweepers, two sequencers, and people. `extra` is for the clusters."""
    for number in (1, 2):
        arena.processes.start(f"cluster{number}", "cluster", **extra)
        arena.processes.start(f"sweeper{number}", "sweeper")
        arena.processes.start(f"sequencer{number}", "sequencer")
    arena.processes.start("hands", "hands")


def _furnished(vendors: StandIns) -> SimpleNamespace:
    from tests.conftest import build_world

    side = build_world().a
    side.admin = _actor(side.alice, side.tenant)
    gateway_ground.install_manifests()
    _install_patient_manifests()
    with scope.enter(side.tenant.id):
        gateway_ground.furnish(side, vendors, side.admin)
        for name in ("servicenow", "slack"):
            spec = gateway_ground.INSTANCES[name]
            _save_patient(name, vendors, side.admin, spec)
        _prepare_work(side)
    return side


def _actor(person: Any, tenant: Any) -> Any:
    from tenants.actors import Actor

    return Actor(person.kind, person.id, tenant.id, person.label, "session")


def _install_patient_manifests() -> None:
    """The vendors of the matrix settle in seconds and are asked often; an older version, so nobody else takes it."""
    for name in ("servicenow", "slack"):
        document = json.loads(json.dumps(dict(manifests.load(name, "1.0.0").document)))
        document["version"] = PATIENT_MANIFEST
        for tool in document["tools"]:
            tool["settle_time_s"] = SETTLE_S if tool["kind"] == "write" else 0
            tool["per_minute"] = 6000
        manifests.store().publish(document)


def _save_patient(name: str, vendors: StandIns, admin: Any, spec: Mapping[str, Any]) -> None:
    from connectors import services

    services.save_instance(
        name=name,
        manifest_version=PATIENT_MANIFEST,
        base_url=f"{vendors.url}/{name}",
        allow_loopback=True,
        actor=admin,
        **spec,
    )


def _prepare_work(side: SimpleNamespace) -> None:
    """Prices, the policy of the matrix beside that of triage, and the workflows."""
    from decimal import Decimal

    from metering import services as metering
    from metering.types import Rate
    from policies.types import PackSource
    from workflows import library, services

    price = Rate(Decimal(1), Decimal(5))
    metering.set_price(provider="anthropic", model=gateway_ground.MODEL, rate=price, source="test", actor=side.admin)
    gateway_ground.publish(side, side.admin, faults=PackSource(source=workflows.PACK))
    for source in (library.source("itsm-triage"), *workflows.SOURCES):
        services.publish_version(workspace_id=side.workspace.id, source=source, actor=side.admin)
