"""A contender: how to prepare its database, start its workers, hand it work, and see in its rows what is done."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

import psycopg

from tests.bench.engine.cluster import Cluster

ROOT = Path(__file__).resolve().parents[3]
READY_S = 60.0


class NotDone(RuntimeError):
    """A contender did not finish, or a process of it ended; the message holds the end of its logs."""


class Contender(Protocol):
    """`done_sql` selects the commit time of every finished workflow, `done_at`. `seals`: it keeps evidence."""

    @property
    def name(self) -> str: ...

    @property
    def done_sql(self) -> str: ...

    @property
    def seals(self) -> bool: ...

    def prepare(self, cluster: Cluster, name: str, work: str) -> None: ...

    def start(self, cluster: Cluster, name: str, work: str) -> "Team": ...

    def client(self, cluster: Cluster, name: str, work: str) -> "Client": ...

    def backlog(self, connection: psycopg.Connection[tuple[object, ...]]) -> int:
        """How many events are recorded but not yet sealed; 0 for who seals nothing."""
        ...


@dataclass
class Team:
    """The worker processes of a contender, in sessions of their own."""

    logs: Path
    environment: Mapping[str, str]
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    gate: Path | None = None
    ready: Callable[[], bool] = lambda: True

    def start(self, name: str, *command: str, python: str = sys.executable, **extra: str) -> subprocess.Popen[bytes]:
        self.logs.mkdir(parents=True, exist_ok=True)
        with (self.logs / f"{name}.log").open("ab") as out:
            process = subprocess.Popen(
                [python, *command],
                cwd=extra.pop("cwd", ROOT),
                env={**os.environ, "PYTHONUNBUFFERED": "1", **self.environment, **extra},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.processes.append(process)
        return process

    def open(self) -> datetime:
        """Wait until all are ready, then let them work; when that was."""
        deadline = time.monotonic() + READY_S
        while not self.ready():
            self.check()
            if time.monotonic() > deadline:
                raise NotDone(f"not ready within {READY_S:.0f} s\n{self.told()}")
            time.sleep(0.01)
        opened = datetime.now().astimezone()
        if self.gate:
            self.gate.touch()
        return opened

    def check(self) -> None:
        for process in self.processes:
            if process.poll() is not None:
                raise NotDone(f"a process ended with {process.returncode}\n{self.told()}")

    def told(self) -> str:
        logs = sorted(self.logs.glob("*.log"))
        return "\n".join(f"[{log.name}] {log.read_text(errors='replace')[-1500:]}" for log in logs)

    def kill(self) -> None:
        """SIGKILL to everything at once: no chance to tidy up."""
        self._signal(signal.SIGKILL)
        self.processes.clear()

    def stop(self) -> None:
        for process in self.processes:
            process.terminate()
        deadline = time.monotonic() + 5
        for process in self.processes:
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(0.05, deadline - time.monotonic()))
        self.kill()

    def _signal(self, number: int) -> None:
        for process in self.processes:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            process.wait()


@dataclass(frozen=True)
class Handed:
    """When the call began, and when what it made became visible; by the server's clock, it is the same machine."""

    began: datetime
    committed: datetime


class Client:
    """A process that hands in work: `submit(n)` returns when n workflows are committed."""

    def __init__(self, command: list[str], environment: Mapping[str, str], cwd: Path) -> None:
        self._process = subprocess.Popen(
            command,
            cwd=cwd,
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            bufsize=1,
        )

    def submit(self, count: int) -> Handed:
        assert self._process.stdin
        assert self._process.stdout
        began = datetime.now().astimezone()
        self._process.stdin.write(f"{count}\n")
        self._process.stdin.flush()
        word, _, moment = self._process.stdout.readline().strip().partition(" ")
        if word != "done":
            self._process.kill()
            raise NotDone(self._process.communicate()[1][-3000:])
        return Handed(began, datetime.fromisoformat(moment) if moment else datetime.now().astimezone())

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()
