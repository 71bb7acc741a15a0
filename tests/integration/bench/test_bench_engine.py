"""The benchmark of the engine is a program like any other: it must run, and must not flatter."""

from io import StringIO

from rich.console import Console

from tests.bench.engine import report
from tests.bench.engine.contender import ROOT
from tests.bench.engine.peers import PEERS


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
