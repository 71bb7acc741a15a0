"""The benchmark of the record is a program like any other: it must run, and write what it says it writes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.ground import DATA_DIR, ROOT

KEYS = {
    *("hot_workspace_ratio_to_no_audit", "ratio_to_locked_chain", "sequencing_lag_p50_ms", "sequencing_lag_p99_ms"),
    *("signing_lag_p99_ms", "verify_100k_s", "events_per_s", "no_audit_per_s", "locked_chain_per_s"),
}


@pytest.mark.timeout(600)
def test_a_tiny_run_measures_everything(tmp_path: Path) -> None:
    out = tmp_path / "bench.json"
    command = [sys.executable, "-m", "tests.bench.evidence", "--quick", "--out", str(out)]
    environment = {**os.environ, "INTERLOCK_TEST_DATA": DATA_DIR.name}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=590)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(out.read_text())
    assert set(found) >= KEYS
    assert all(found[key] > 0 for key in KEYS)
    assert found["verified_events"] == 2000
    assert "goal verify_100k_s" in done.stdout
