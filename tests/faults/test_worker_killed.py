"""kill -9 on a real worker between the vendor's write and our knowledge of it: one effect all the same."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from approvals import ports
from connectors import gateway
from connectors.calls import CallState
from connectors.gateway import clocks
from controlplane.lib import clock
from tests import gateway_ground as ground
from tests.stand_ins import StandIns

pytestmark = pytest.mark.faults

WORKER = """
import sys, uuid, django
django.setup()
from connectors import gateway
from tenants import scope
from tenants.actors import Actor
tenant_id, call_id = map(uuid.UUID, sys.argv[1:])
with scope.enter(tenant_id):
    gateway.advance(call_id=call_id, actor=Actor.system(tenant_id, "engine"))
"""


def _wait_for(condition: Callable[[], Any], seconds: float = 40.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.05)


def test_worker_killed_after_the_write_landed_leaves_one_effect(
    committed_db: str,
    ready: SimpleNamespace,
    vendors: StandIns,
    approve: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ports.decided, "_bound", lambda **_: None)
    args = ground.update_args(vendors.incident(category="inquiry"))
    call = ground.go(ready, ground.spec_for(ready, "servicenow.incident.update", "servicenow", args))
    approve(ready, call.request_id)
    vendors.fault("hang_after", method="PATCH", path="/api/now", args={"seconds": 20})
    command = [sys.executable, "-c", WORKER, str(ready.tenant.id), str(call.call_id)]
    worker = subprocess.Popen(command, env={**os.environ, "INTERLOCK_DB_NAME": committed_db})
    try:
        _wait_for(lambda: len(ground.writes(vendors)) == 1)
        os.kill(worker.pid, signal.SIGKILL)
    finally:
        worker.wait()
    engine = ground.worker(ready)
    assert gateway.advance(call_id=call.call_id, actor=engine).state is CallState.DISPATCHED
    with clock.frozen(clock.now() + timedelta(seconds=clocks.LEASE_S + 1)):
        done = gateway.advance(call_id=call.call_id, actor=engine)
    assert done.state is CallState.SUCCEEDED, done
    assert len(ground.writes(vendors)) == 1
    assert len(vendors.ledger(kind="note_appended", origin="api")) == 1
