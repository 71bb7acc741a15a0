"""The processes under torture, and the hand that kills them."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import psycopg
from django.db import connections

from controlplane.lib.ids import uuid7
from tests import ground

RUNS_PER_LOG = 6


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How hard. It ends after `seconds`, but not before so many kills and so many committed transactions."""

    writers: int = 64
    threads: int = 8
    sequencers: int = 4
    logs: int = 5
    seconds: float = 600
    kills: int = 0
    transactions: int = 0
    pause_s: float = 0.8
    look_s: float = 30.0
    seed: int = 0

    @property
    def processes(self) -> int:
        return max(1, self.writers // self.threads)


@dataclass(frozen=True)
class Child:
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    @property
    def at_work(self) -> bool:
        """It has said so: to kill somebody who is still getting up teaches nothing."""
        said = self.log.read_bytes()
        return self.alive and (b"sequencing\n" in said or b"writing\n" in said)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@dataclass
class Rig:
    """Owns what it starts. `look` is asked while everybody writes: it returns what is wrong with the record."""

    plan: Plan
    tenant: UUID
    folder: Path
    look: Callable[[], list[str]]
    kills: Counter[str] = field(default_factory=Counter)
    alarms: list[str] = field(default_factory=list)
    looks: int = 0
    sequencers: list["Child"] = field(default_factory=list)
    writers: list["Child"] = field(default_factory=list)
    started: int = 0

    def __post_init__(self) -> None:
        self.source = random.Random(self.plan.seed)
        self.logs = [uuid7() for _ in range(self.plan.logs)]
        order = {
            "tenant": str(self.tenant),
            "folder": str(self.folder),
            "threads": min(self.plan.threads, self.plan.writers),
            "logs": [{"id": str(log), "runs": [str(uuid7()) for _ in range(RUNS_PER_LOG)]} for log in self.logs],
        }
        self.order = self.folder / "order.json"
        self.order.write_text(json.dumps(order))

    def run(self) -> None:
        """Until the plan is fulfilled; then everybody is asked to stop, and stops."""
        connections.close_all()
        try:
            self.sequencers = [self.sequencer() for _ in range(self.plan.sequencers)]
            self.writers = [self.writer() for _ in range(self.plan.processes)]
            self._torture()
            self._stop()
        finally:
            for child in [*self.writers, *self.sequencers]:
                child.kill()

    def drain(self) -> None:
        """What is still in the queue is sequenced and signed."""
        command = [sys.executable, "manage.py", "sequencer", "--once"]
        subprocess.run(command, check=True, cwd=ground.ROOT, env=self._as("sequencer"), timeout=600)

    def noted(self, what: str) -> list[str]:
        """The ids that the writers know to be `kept` or `undone`; a line that a kill cut short does not count."""
        return [
            line
            for file in sorted(self.folder.glob(f"*.{what}"))
            for line in file.read_text().split("\n")[:-1]
            if len(line) == 36
        ]

    def sequencer(self) -> Child:
        return self._start("sequencer", "manage.py", "sequencer")

    def writer(self) -> Child:
        seed = f"{self.plan.seed}.{self.started}"
        return self._start("app", "-m", "tests.torture.writer", str(self.order), str(self.started), seed)

    def _start(self, role: str, *command: str) -> Child:
        self.started += 1
        log = self.folder / f"{self.started}.log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                [sys.executable, *command], cwd=ground.ROOT, env=self._as(role), stdout=out, stderr=out
            )
        return Child(process, log)

    def _as(self, role: str) -> dict[str, str]:
        return {**os.environ, "INTERLOCK_DB_ROLE": role, "INTERLOCK_LOG_LEVEL": "ERROR"}

    def _torture(self) -> None:
        began = looked = time.monotonic()
        while not self._fulfilled(time.monotonic() - began):
            time.sleep(self.source.random() * self.plan.pause_s)
            kind, kill = self.source.choice(list(self._hands().items()))
            if kill():
                self.kills[kind] += 1
            self._revive()
            if time.monotonic() - looked > self.plan.look_s:
                self.alarms += self.look()
                self.looks, looked = self.looks + 1, time.monotonic()

    def _fulfilled(self, elapsed_s: float) -> bool:
        enough = sum(self.kills.values()) >= self.plan.kills and len(self.noted("kept")) >= self.plan.transactions
        return elapsed_s >= self.plan.seconds and enough

    def _hands(self) -> dict[str, Callable[[], bool]]:
        return {
            "sequencer": lambda: self._kill(self.sequencers),
            "writer": lambda: self._kill(self.writers),
            "session": self._end_session,
        }

    def _kill(self, children: list[Child]) -> bool:
        victims = [child for child in children if child.at_work]
        if victims:
            self.source.choice(victims).kill()
        return bool(victims)

    def _end_session(self) -> bool:
        """What a pooler that is restarted or a network that breaks does to a transaction. Ours are all theirs: the
        judge closes his before he goes."""
        with psycopg.connect(ground.superuser_dsn(os.environ["INTERLOCK_DB_NAME"]), autocommit=True) as admin:
            found = admin.execute(
                "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
                " AND usename IN ('interlock_app', 'interlock_sequencer')"
            ).fetchall()
            if not found:
                return False
            admin.execute("SELECT pg_terminate_backend(%s)", [self.source.choice(found)[0]])
        return True

    def _revive(self) -> None:
        """Whoever was killed is started again; nobody may have fallen over by themselves."""
        for child in (*self.sequencers, *self.writers):
            if child.process.poll() not in (None, -signal.SIGKILL):
                raise RuntimeError(f"a process ended by itself:\n{child.log.read_text()[-2000:]}")
        self.sequencers = [child if child.alive else self.sequencer() for child in self.sequencers]
        self.writers = [child if child.alive else self.writer() for child in self.writers]

    def _stop(self) -> None:
        everybody = [child.process for child in (*self.writers, *self.sequencers)]
        for process in everybody:
            process.terminate()
        codes = {process.wait(timeout=300) for process in everybody}
        if not codes <= {0, -15}:
            raise RuntimeError(f"a process did not stop when it was asked to: {codes}")
