"""The benchmark of policy is a program like any other: it must run, and must not flatter."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests import opa_servers
from tests.ground import ROOT

KEYS = {
    *("embedded_p50_ms", "embedded_p99_ms", "opa_server_p50_ms", "pep_overhead_p50_ms", "decisions_per_s"),
    *("backtest_10k_x2_s", "growth_tenants", "growth_data"),
}


@pytest.mark.timeout(300)
def test_a_tiny_run_measures_everything_and_says_what_it_could_not(tmp_path: Path) -> None:
    out = tmp_path / "bench.json"
    command = [sys.executable, "-m", "tests.bench.policy", "--quick", "--out", str(out)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=290)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(out.read_text())
    assert set(found) >= KEYS
    assert (found["opa_server_p50_ms"] is None) == (opa_servers.program() is None), "what was not measured is null"
    assert found["backtest_decisions"] == found["replay_same"] == 200
    assert [row["tenants"] for row in found["growth_tenants"]] == [1, 3]
    assert "Goals" in done.stdout
