"""The benchmark of the engine is a program like any other: it must run, and must not flatter."""

import json
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from tests.bench.engine import report
from tests.bench.engine.contender import ROOT
from tests.bench.engine.peers import PEERS

COMMAND = [sys.executable, "-m", "tests.bench.engine", "--quick", "--places", "ram", "--only", "ours (a)"]


@pytest.mark.timeout(400)
def test_a_tiny_run_measures_ours_with_its_evidence_sealed(tmp_path: Path) -> None:
    out = tmp_path / "bench.json"
    done = subprocess.run([*COMMAND, "--out", str(out)], cwd=ROOT, capture_output=True, text=True, timeout=390)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "; 0 events" in " ".join(done.stdout.split()), done.stdout + done.stderr
    found = json.loads(out.read_text())
    assert tuple(found) == report.KEYS
    assert found["ram_ours_wf_s"] > 0
    assert found["dbos_wf_s"] is None, "what was not measured is not made up"


def test_a_goal_that_was_missed_is_said() -> None:
    console = Console(record=True, width=120, file=StringIO())
    report.goals(console, {"ours_wf_s": 300.0, "dbos_wf_s": 100.0, "commits_per_wf": 6.5})
    told = console.export_text()
    assert "missed" in told
    assert "met" in told


def test_every_peer_has_a_module_of_its_own() -> None:
    modules = [peer.module for peer in PEERS]
    assert len(set(modules)) == len(modules)
    assert all((ROOT / "tests/bench/engine/peer" / f"{module}.py").exists() for module in modules)
