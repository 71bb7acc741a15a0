"""`python -m tests.bench.engine [--quick] [--only NAME …]`: everything in one run, at most a quarter of an hour."""

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from tests.bench.engine import cluster as clusters
from tests.bench.engine import peers, report
from tests.bench.engine.contender import ROOT, NotDone
from tests.bench.engine.course import FULL, QUICK, Course
from tests.bench.engine.vendors import vendors

OUT = ROOT / "build" / "bench-engine.json"
PLACES = {"disk": ROOT / "build" / "bench-disk", "ram": Path("/dev/shm") / f"interlock-bench-{os.getpid()}"}


def main() -> int:
    options = _options()
    console = Console(width=120, highlight=False)
    if not peers.installed():
        console.print("The peers are not installed, so only ours are measured: `make bench-engine` installs them.")
    started = time.monotonic()
    found: dict[str, object] = {}
    with vendors() as address:
        for place in options.places:
            with clusters.running(place, PLACES[place]) as cluster:
                _settings(console, cluster)
                counts = QUICK if options.quick else FULL.scaled(options.scale)
                course = Course(cluster, counts, console, found, address)
                _run(course, console, options.only)
    report.goals(console, found)
    report.write(options.out, found)
    console.print(f"{time.monotonic() - started:.0f} s; {options.out}")
    return 0


def _run(course: Course, console: Console, only: list[str]) -> None:
    """A contender that fails is reported and left out; the others go on."""
    stages: dict[str, Callable[[], None]] = course.stages()
    for name, stage in stages.items():
        if only and not any(word in name for word in only):
            continue
        try:
            stage()
        except NotDone as failure:
            console.print(f"[red]{course.cluster.place}: {name} was not measured[/red]\n{failure}", markup=True)
    course.summary()


def _settings(console: Console, cluster: clusters.Cluster) -> None:
    shown = ", ".join(f"{name} {value}" for name, value in sorted(cluster.shown().items()))
    console.print(f"\nPostgreSQL on {cluster.place}, the same for all: {shown}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench-engine", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="tiny counts: does the harness work?")
    parser.add_argument("--scale", type=float, default=1.0, help="shorter windows on a busy machine, e.g. 0.2")
    parser.add_argument("--only", nargs="*", default=[], help="stages whose name contains one of these words")
    parser.add_argument("--places", nargs="*", default=list(PLACES), choices=list(PLACES))
    parser.add_argument("--out", type=Path, default=OUT)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
