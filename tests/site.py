"""The web process of the product for tests that need it whole: a real server on a real port."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx2 as httpx
import pytest

from tests.ground import ROOT

START_S = 60


class Site:
    """The console served by uvicorn like in production, started when the first test needs it.

    The process outlives the tests: each gets a fresh clone of the database under the same name, to which the
    server connects anew because it checks its connections.
    """

    def __init__(self, log: Path) -> None:
        self.log = log
        self.process: subprocess.Popen[bytes] | None = None
        self.address = f"http://localhost:{free_port()}"

    def start(self, database: str) -> str:
        if self.process is None:
            port = self.address.rpartition(":")[2]
            command = [sys.executable, "-m", "uvicorn", "controlplane.asgi:application", "--port", port]
            environment = {**os.environ, "INTERLOCK_DB_NAME": database}
            with self.log.open("w") as log:
                self.process = subprocess.Popen(
                    [*command, "--log-level", "warning"], cwd=ROOT, env=environment, stdout=log, stderr=log
                )
            self._wait(self.process)
        return self.address

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(10)

    def _wait(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline and process.poll() is None:
            try:
                if httpx.get(f"{self.address}/login/", timeout=5).status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.1)
        pytest.fail(f"the server did not start:\n{self.log.read_text()[-2000:]}")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port
