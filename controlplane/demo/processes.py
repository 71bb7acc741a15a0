"""Child processes of the demo: start, wait until ready, stop cleanly in reverse order."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from controlplane.lib import clock

ROOT = Path(__file__).resolve().parents[2]
GRACE_S = 8.0
TAIL_LINES = 25
BACKLOG = 256


class ProcessFailed(RuntimeError):
    """A child ended or never became ready; the message holds the end of its log."""


@dataclass(frozen=True)
class Child:
    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def tail(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-TAIL_LINES:])


class Supervisor:
    """Owns the children. Each runs in a session of its own, so that Ctrl-C reaches only the supervisor."""

    def __init__(self, logs: Path, environment: Mapping[str, str]) -> None:
        self.logs = logs
        self.environment = {**os.environ, "PYTHONUNBUFFERED": "1", **environment}
        self.children: list[Child] = []
        logs.mkdir(parents=True, exist_ok=True)

    def start(self, name: str, *arguments: str, door: socket.socket | None = None, **extra: str) -> Child:
        """Run `python <arguments>`, which may inherit a listening socket; output goes to `<logs>/<name>.log`."""
        log = self.logs / f"{name}.log"
        with log.open("wb") as out:
            process = subprocess.Popen(  # noqa: S603 - fixed arguments
                [sys.executable, *arguments],
                cwd=ROOT,
                env={**self.environment, **extra},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=(door.fileno(),) if door else (),
            )
        child = Child(name, process, log)
        self.children.append(child)
        return child

    def run(self, name: str, *arguments: str, timeout_s: float = 180) -> None:
        """Run to its end; raises ProcessFailed when it does not end well."""
        self.finish(self.start(name, *arguments), timeout_s=timeout_s)

    def finish(self, child: Child, *, timeout_s: float = 180) -> None:
        try:
            code = child.process.wait(timeout_s)
        except subprocess.TimeoutExpired as late:
            raise ProcessFailed(f"{child.name} did not end within {timeout_s:.0f} s\n{child.tail()}") from late
        self.children.remove(child)
        if code:
            raise ProcessFailed(f"{child.name} ended with code {code}\n{child.tail()}")

    def check(self) -> None:
        """Raises ProcessFailed when a child that should run has ended."""
        for child in self.children:
            if child.process.poll() is not None:
                raise ProcessFailed(f"{child.name} ended with code {child.process.returncode}\n{child.tail()}")

    def wait_until(self, what: str, ready: Callable[[], bool], *, timeout_s: float = 60) -> None:
        deadline = clock.monotonic() + timeout_s
        while not ready():
            self.check()
            if clock.monotonic() > deadline:
                logs = "\n".join(f"[{child.name}]\n{child.tail()}" for child in self.children)
                raise ProcessFailed(f"{what} was not ready within {timeout_s:.0f} s\n{logs}")
            time.sleep(0.05)

    def stop(self) -> None:
        """SIGTERM to each in reverse order of start; after the grace time SIGKILL to what is left of its group."""
        for child in reversed(self.children):
            child.process.terminate()
        deadline = clock.monotonic() + GRACE_S
        for child in reversed(self.children):
            with suppress(subprocess.TimeoutExpired):
                child.process.wait(max(0.1, deadline - clock.monotonic()))
            with suppress(ProcessLookupError):
                os.killpg(child.process.pid, signal.SIGKILL)
            child.process.wait()
        self.children.clear()


def listen(wanted: int) -> socket.socket:
    """A listening socket on the wanted port of the loopback address, or on a free one when it is taken.

    Held from the first moment on, so that nobody else takes the port while the rest is being set up.
    """
    for port in (wanted, 0):
        door = socket.socket()
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            door.bind(("127.0.0.1", port))
        except OSError:
            door.close()
            continue
        door.listen(BACKLOG)
        return door
    raise ProcessFailed("no free port on 127.0.0.1")
