"""PostgreSQL dies, or is shut down, with runs in flight: nothing is lost, nothing done twice."""

import json
import os
import subprocess
import sys

import pytest

from tests import ground

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]


@pytest.mark.parametrize("how", ["immediate", "fast"])
def test_a_restart_of_postgresql_in_mid_flight_loses_nothing(how: str) -> None:
    if not ground.LOCATOR.embedded:
        pytest.skip("the server of this run is somebody else's to restart")
    environment = {name: value for name, value in os.environ.items() if name != "INTERLOCK_DB_NAME"}
    command = [sys.executable, "-m", "tests.faults.restarted", how]
    done = subprocess.run(command, cwd=ground.ROOT, env=environment, capture_output=True, text=True, timeout=800)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["runs"] >= 9
    assert not any(told["wrong"].values()), f"{told['wrong']}\n{told['said']}"
