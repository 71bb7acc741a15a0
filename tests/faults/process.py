"""The processes under test: real clusters, sweepers and sequencers, and the hands of people, with the fault points in.

`python -m tests.faults.process <folder>` is a nursery: it loads Django once and forks what standard input tells it,
a JSON object a line: `{"name", "role", "environment"}`. Each child leads a session of its own, so that the runner can
end it with all that it started. What has to live on after a SIGKILL is kept alive as an operator's supervisor would.
"""

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import django
from django.core.management import call_command

from tests.faults.orders import Orders

RESTART_S = 0.1
ORPHANED_S = 6.0


def main(folder: Path) -> None:
    django.setup()
    from connectors import registry
    from tests.faults import hooks

    for name in ("servicenow", "slack", "llm"):
        registry.driver(name)
    hooks.install(Orders(folder))
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        told = json.loads(line)
        child = os.fork()
        if child == 0:
            _become(folder, **told)
        (folder / "pids" / told["name"]).write_text(str(child))


def _become(folder: Path, *, name: str, role: str, environment: Mapping[str, str]) -> None:
    """Never comes back."""
    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    log = os.open(folder / f"{name}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for stream in (1, 2):
        os.dup2(log, stream)
    os.environ.update(environment)
    from tests.faults import clocks

    clocks.install()
    try:
        ROLES[role](folder)
    finally:
        os._exit(0)


def _cluster(_: Path) -> None:
    from django_q.conf import Conf

    from workflows import orphans

    orphans.STUCK_S = ORPHANED_S
    Conf.RECYCLE = int(os.environ.get("FAULT_RECYCLE", Conf.RECYCLE))
    call_command("qcluster", verbosity=0)


def _sweeper(_: Path) -> None:
    _kept_alive(lambda: call_command("sweeper"))


def _sequencer(_: Path) -> None:
    from django.conf import settings
    from django.db import connections

    from controlplane.database import role_name

    settings.INTERLOCK_DB_ROLE = "sequencer"
    password = settings.DATABASE_LOCATOR.password("sequencer")
    connections.settings["default"].update(USER=role_name("sequencer"), PASSWORD=password)
    _kept_alive(lambda: call_command("sequencer"))


def _hands(folder: Path) -> None:
    from tests.faults import hands

    hands.serve(folder / "hands")


def _kept_alive(work: Callable[[], None]) -> None:
    """Fork a child that works; another one when it dies."""
    while True:
        child = os.fork()
        if child == 0:
            work()
            os._exit(0)
        os.waitpid(child, 0)
        time.sleep(RESTART_S)


ROLES: Mapping[str, Callable[[Path], None]] = MappingProxyType(
    {"cluster": _cluster, "sweeper": _sweeper, "sequencer": _sequencer, "hands": _hands}
)

if __name__ == "__main__":
    main(Path(sys.argv[1]))
