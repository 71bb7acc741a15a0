"""One installation of the platform for the demo, in a data folder of its own: everything that `make up` runs."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from controlplane.demo.people import Person
from controlplane.demo.platform import Platform
from controlplane.demo.processes import ROOT, Supervisor, listen
from controlplane.demo.vendors import Vendors


@dataclass(frozen=True)
class Logins:
    """What `bootstrap_demo` made: names and passwords, the API token, the webhook's address and secret."""

    tenant: str
    passwords: dict[str, str]
    token: str
    webhook_path: str
    webhook_secret: str
    slack_path: str
    environment: str
    forbidden_workflow: str

    @classmethod
    def read(cls, path: Path) -> Logins:
        made: dict[str, Any] = json.loads(path.read_text())
        return cls(**made)

    def write(self, path: Path) -> None:
        """Readable by its owner only: it holds secrets."""
        path.touch(mode=0o600)
        path.write_text(json.dumps(asdict(self)))


class Installation:
    """Starts and stops the platform and the stand-ins as child processes."""

    def __init__(self, data: Path, *, port: int, vendors_port: int) -> None:
        self.data = data
        self.web_door, self.vendors_door = listen(port), listen(vendors_port)
        self.base_url = f"http://localhost:{self.web_door.getsockname()[1]}"
        self.vendors = Vendors(f"http://127.0.0.1:{self.vendors_door.getsockname()[1]}")
        environment = {"INTERLOCK_DATA_DIR": str(data), "INTERLOCK_BASE_URL": self.base_url}
        self.supervisor = Supervisor(data / "logs", environment)

    def erase(self) -> None:
        """A fresh start: an earlier demo's server is stopped and its data folder removed."""
        if (self.data / "postgres").exists():
            self.supervisor.run("database-down", "manage.py", "database", "down")
        shutil.rmtree(self.data, ignore_errors=True)
        self.supervisor.logs.mkdir(parents=True)

    def start(self) -> tuple[Logins, Platform]:
        """Stand-ins, database, then everything else while the tenant is founded; returns when all of it is ready."""
        vendors = ("-m", "connectors.sandbox", "--fd", str(self.vendors_door.fileno()))
        self.supervisor.start("stand-ins", *vendors, door=self.vendors_door)
        self.supervisor.run("database", "manage.py", "database", "up")
        made = self.data / "demo.json"
        founding = ("manage.py", "bootstrap_demo", "--vendors", self.vendors.url, "--out", str(made))
        bootstrap = self.supervisor.start("bootstrap", *founding)
        self._start_processes()
        self.supervisor.finish(bootstrap)
        self.supervisor.wait_until("the stand-ins", self.vendors.is_up)
        logins = Logins.read(made)
        platform = Platform(self.base_url, logins.token)
        self.supervisor.wait_until("the platform", platform.is_up)
        self.supervisor.wait_until("the line to Slack", self.vendors.is_listened_to)
        return logins, platform

    def _start_processes(self) -> None:
        """Web, workers, sequencer, sweeper, the line to Slack, and who shows signed heads to those outside."""
        start = self.supervisor.start
        web = ("-m", "uvicorn", "controlplane.asgi:application", "--fd", str(self.web_door.fileno()))
        start("web", *web, "--log-level", "warning", door=self.web_door)
        start("worker", "manage.py", "qcluster")
        start("sequencer", "manage.py", "sequencer", INTERLOCK_DB_ROLE="sequencer")
        start("sweeper", "manage.py", "sweeper")
        start("slack-socket", "manage.py", "slack_socket")
        start("anchors", "manage.py", "anchors", INTERLOCK_DB_ROLE="sequencer")

    def connect_vendors(self, logins: Logins) -> None:
        self.vendors.connect(
            webhook_url=f"{self.base_url}{logins.webhook_path}",
            webhook_secret=logins.webhook_secret,
            slack_url=f"{self.base_url}{logins.slack_path}",
        )

    def sign_in(self, logins: Logins) -> dict[str, Person]:
        return {
            name: Person(self.base_url, logins.tenant, name, password) for name, password in logins.passwords.items()
        }

    def stop(self) -> None:
        """Processes first, then the database."""
        self.supervisor.stop()
        self.web_door.close()
        self.vendors_door.close()
        if (self.data / "postgres").exists():
            self.supervisor.run("database-down", "manage.py", "database", "down")


def data_folder() -> Path:
    return ROOT / "var" / "demo"
