"""`make bench`: what the promises cost, as ratios measured in one run on one machine.

Each pair is measured alternately, so a machine that slows down slows both. Figures are medians; the ratio is what
to compare between machines.
"""

import os
import statistics
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any
from urllib.request import urlopen

from tests import ground

ROUNDS = 40


def main() -> int:
    import django

    django.setup()
    from django.conf import settings

    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    try:
        with TemporaryDirectory() as folder:
            settings.INTERLOCK_DATA_DIR = Path(folder)
            _measure_all()
    finally:
        from django.db import connections

        connections.close_all()
        ground.drop(ground.session_database())
    return 0


def _measure_all() -> None:
    from tenants import scope
    from tests.conftest import build_world
    from tests.gateway_ground import furnish, publish
    from tests.stand_ins import running

    world = build_world()
    alice = _actor(world.a)
    with running() as stand_ins, scope.enter(world.a.tenant.id):
        _install()
        furnish(world.a, stand_ins, alice)
        publish(world.a, alice)
        _say("")
        _pair("a row with its evidence", _recorded(world.a, alice), "the row alone", _bare)
        _pair("a proposed call", _proposed(world.a, stand_ins), "a row alone", _bare)
        _pair("a governed read", _governed(world.a, stand_ins), "the bare request", _raw(stand_ins))


def _pair(name: str, costly: Callable[[], Any], other: str, cheap: Callable[[], Any]) -> None:
    times: dict[str, list[float]] = {name: [], other: []}
    costly(), cheap()
    for _ in range(ROUNDS):
        for label, work in ((name, costly), (other, cheap)):
            started = time.perf_counter()
            work()
            times[label].append(time.perf_counter() - started)
    first, second = statistics.median(times[name]), statistics.median(times[other])
    _say(f"{name:<26} {first * 1000:8.2f} ms   {other:<18} {second * 1000:8.2f} ms   ratio {first / second:6.1f}")


def _install() -> None:
    from connectors import manifests

    manifests.install()


def _actor(side: SimpleNamespace) -> Any:
    from tenants.actors import Actor

    return Actor("human", side.alice.id, side.tenant.id, side.alice.label, "session")


def _bare() -> None:
    from django.db import transaction

    from tenants import payloads

    with transaction.atomic():
        payloads.put(uuid.uuid4().bytes)


def _recorded(side: SimpleNamespace, actor: Any) -> Callable[[], None]:
    from django.db import transaction

    from evidence.services import record
    from tenants import payloads
    from tenants.events import TenantCreated

    def work() -> None:
        with transaction.atomic():
            payloads.put(uuid.uuid4().bytes)
            record(TenantCreated("bench"), actor=actor, workspace_id=side.workspace.id)

    return work


def _proposed(side: SimpleNamespace, stand_ins: Any) -> Callable[[], None]:
    """Resolved, validated, digested and written down; not yet decided."""
    from connectors import gateway
    from tests.gateway_ground import service_actor, spec_for

    sys_id = stand_ins.incident()

    def work() -> None:
        spec = spec_for(side, "servicenow.incident.get", "servicenow", {"sys_id": sys_id})
        gateway.propose(spec=spec, actor=service_actor(side))

    return work


def _governed(side: SimpleNamespace, stand_ins: Any) -> Callable[[], None]:
    from tests.gateway_ground import go, spec_for

    sys_id = stand_ins.incident()

    def work() -> None:
        done = go(side, spec_for(side, "servicenow.incident.get", "servicenow", {"sys_id": sys_id}))
        if done.state.value != "SUCCEEDED":
            raise RuntimeError(f"the read ended as {done.state}: {done.code}")

    return work


def _raw(stand_ins: Any) -> Callable[[], None]:
    def work() -> None:
        with urlopen(f"{stand_ins.url}/__ctl/state", timeout=10) as answer:
            answer.read()

    return work


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    os.environ.setdefault("INTERLOCK_LOG_LEVEL", "ERROR")
    sys.exit(main())
