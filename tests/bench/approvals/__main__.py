"""`python -m tests.bench.approvals [--quick]`: the queue and the vote before 100,000 open requests, by the pages that
people use; writes build/bench-approvals.json. Fails when a plan reads too much of a table."""

import argparse
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console

from tests import ground
from tests.bench.engine.report import table

OUT = ground.ROOT / "build" / "bench-approvals.json"
FULL = {"pending": 100_000, "decided": 100_000, "rounds": 200}
QUICK = {"pending": 3_000, "decided": 2_000, "rounds": 20}
GOALS = {"queue_p95_ms": 100.0, "vote_p95_ms": 60.0}


def main() -> int:
    import django

    django.setup()
    from django.conf import settings

    options = _options()
    console = Console(width=120, highlight=False)
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.ALLOWED_HOSTS = ["testserver"]
    try:
        found = _measured(console, QUICK if options.quick else FULL)
    finally:
        from django.db import connections

        connections.close_all()
        ground.drop(ground.session_database())
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(found, indent=2) + "\n")
    console.print(options.out)
    for name, goal in GOALS.items():
        console.print(f"{name} {found[name]:.1f}, goal {goal:.0f}: {'met' if found[name] <= goal else 'MISSED'}")
    for plan in found["bad_plans"]:
        console.print(f"[red]reads too much:[/red] {plan[:400]}")
    return 1 if found["bad_plans"] and not options.quick else 0


def _measured(console: Console, counts: dict[str, int]) -> dict[str, Any]:
    from tests.bench.approvals import crowd, pages, plans
    from tests.conftest import build_world

    world, load = build_world(), os.getloadavg()[0]
    pending = crowd.gather(world, counts["pending"], counts["decided"])
    console.print(f"{pending} requests are open")
    with plans.watched() as statements:
        queue = pages.queue(world, counts["rounds"])
        vote = pages.vote(world, counts["rounds"])
        beside = pages.api(world, counts["rounds"]) | pages.sweeper(world, counts["rounds"])
    judged = plans.checked(world, statements)
    rows: list[list[object]] = [
        [name, f"{t.p50_ms:.1f}", f"{t.p95_ms:.1f}", f"{t.cpu_ms:.1f}", t.count]
        for name, t in {**queue, **vote, **beside}.items()
    ]
    table(console, "server time", ["what", "p50 ms", "p95 ms", "own CPU ms", "times"], rows)
    return {
        "pending": pending,
        "queue_p95_ms": max(t.p95_ms for t in queue.values()),
        "vote_p95_ms": max(t.p95_ms for t in vote.values()),
        "by_page": {name: asdict(times) for name, times in {**queue, **vote, **beside}.items()},
        "plans_checked": len(statements),
        "bad_plans": [f"{', '.join(one.faults)}: {one.sql}" for one in judged if one.faults],
        "slowest_statements": [{"ms": one.ms, "sql": one.sql} for one in judged[:3]],
        "load_average": [load, os.getloadavg()[0]],
    }


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench-approvals", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few requests: does the harness work?")
    parser.add_argument("--out", type=Path, default=OUT)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
