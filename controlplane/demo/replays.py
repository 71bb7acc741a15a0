"""Every run of the demo is played again from its bundle: in another process without a database, in another time zone,
locale and hash seed. What comes out must be the record, to the last bit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from controlplane.demo.platform import OVER, Platform
from controlplane.demo.processes import ROOT

ELSEWHERE = {"TZ": "Pacific/Chatham", "LC_ALL": "C", "LANG": "C", "PYTHONHASHSEED": "4711"}
LIMIT_S = 600


def replayed(platform: Platform, runs: Iterable[Mapping[str, Any]], folder: Path) -> dict[str, Any]:
    """`{"runs", "same", "events", "differ": [words]}` of all runs that are over."""
    folder.mkdir(parents=True, exist_ok=True)
    bundles = [_exported(platform, str(run["id"]), folder) for run in runs if run["state"] in OVER]
    reports = _played(bundles)
    differ = [f"{report['run']}: {report['verdict']} {report['divergence']}" for report in reports
              if report["verdict"] != "SAME"]  # fmt: skip
    same = sum(report["verdict"] == "SAME" for report in reports)
    return {"runs": len(bundles), "same": same, "events": sum(r["events"] for r in reports), "differ": differ}


def broken_promises(found: Mapping[str, Any]) -> list[str]:
    if found["runs"] and found["same"] == found["runs"]:
        return []
    return [f"every run is replayed to the last bit elsewhere: {found['same']} of {found['runs']}", *found["differ"]]


def _exported(platform: Platform, run_id: str, folder: Path) -> Path:
    target = folder / f"{run_id}.evb"
    platform.export(run_id, target)
    return target


def _played(bundles: list[Path]) -> list[dict[str, Any]]:
    if not bundles:
        return []
    command = [sys.executable, "-m", "workflows.replay", *map(str, bundles), "--level", "R1", "--json"]
    environment = {**ELSEWHERE, "PATH": os.environ.get("PATH", "")}
    done = subprocess.run(  # noqa: S603 - our own replay
        command, capture_output=True, text=True, check=False, cwd=ROOT, env=environment, timeout=LIMIT_S
    )
    return [report for line in done.stdout.splitlines() for report in json.loads(line)["reports"]]
