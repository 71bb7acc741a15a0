"""`python -m tests.bench.policy [--quick]`: what a decision costs; writes build/bench-policy.json."""

import argparse
import json
import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console

from tests import ground
from tests.bench.engine.report import table

OUT = ground.ROOT / "build" / "bench-policy.json"
FULL = {"rounds": 600, "seconds": 3.0, "tenants": (1, 5, 10, 25, 50), "sizes": (10, 100, 500, 2500), "replay": 10_000}
QUICK = {"rounds": 30, "seconds": 0.2, "tenants": (1, 3), "sizes": (10, 50), "replay": 200}


def main() -> int:
    import django

    django.setup()
    from django.conf import settings

    options = _options()
    console = Console(width=120, highlight=False)
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    try:
        with TemporaryDirectory() as folder:
            settings.INTERLOCK_DATA_DIR = Path(folder)
            found = _measured(console, QUICK if options.quick else FULL)
    finally:
        from django.db import connections

        connections.close_all()
        ground.drop(ground.session_database())
    _goals(console, found)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(found, indent=2) + "\n")
    console.print(options.out)
    return 0


def _measured(console: Console, counts: dict[str, Any]) -> dict[str, Any]:
    from policies.engine.embedded import EmbeddedPoint
    from tests.bench.policy import growth, replay, site, speed
    from tests.conftest import build_world

    side, load = build_world().a, os.getloadavg()[0]
    embedded = EmbeddedPoint(deadline_s=2, confined_only=False)
    with site.governed(side) as found:
        with site.opa(side, found) as server:
            engines = speed.engines(side, found, embedded, server, counts["rounds"])
            rates = speed.throughput(side, found, embedded, server, counts["seconds"])
        point = speed.enforcement(side, embedded, counts["rounds"])
        tenants = growth.of_tenants(side, counts["tenants"], counts["rounds"])
        sizes = growth.of_data(side, counts["sizes"], counts["rounds"])
        backtest_s, report = replay.seconds(side, counts["replay"])
        replay_s, exact = replay.exactly(side, counts["replay"])
    embedded.close()
    _tables(console, engines, point, rates, tenants, sizes)
    console.print(f"{report['decisions']} decisions × 2 bundles decided again in {backtest_s:.1f} s: {report}")
    console.print(f"{counts['replay']} decisions decided again, bit for bit, in {replay_s:.1f} s: {exact}")
    console.print(f"load of the machine {load:.1f} at the start, {os.getloadavg()[0]:.1f} at the end")
    opa = engines.get("OPA server")
    return {
        "embedded_p50_ms": engines["embedded"].p50_ms,
        "embedded_p99_ms": engines["embedded"].p99_ms,
        "opa_server_p50_ms": opa.p50_ms if opa else None,
        "opa_server_p99_ms": opa.p99_ms if opa else None,
        "pep_p50_ms": point["PEP"].p50_ms,
        "pep_overhead_p50_ms": point["PEP overhead"].p50_ms,
        "recorded_p50_ms": point["recorded"].p50_ms,
        "decisions_per_s": rates[f"embedded, {speed.THREADS} threads"],
        "rates": rates,
        "backtest_10k_x2_s": backtest_s * 10_000 / counts["replay"],
        "backtest_decisions": report["decisions"],
        "replay_10k_s": replay_s * 10_000 / counts["replay"],
        "replay_same": exact.get("same", 0),
        "growth_tenants": tenants,
        "growth_data": sizes,
        "load_average": [load, os.getloadavg()[0]],
    }


def _tables(console: Console, engines: Any, point: Any, rates: Any, tenants: Any, sizes: Any) -> None:
    rows = [[name, times.p50_ms, times.p99_ms] for name, times in {**engines, **point}.items()]
    table(console, "One decision, ms", ["", "p50", "p99"], rows)
    table(console, "Decisions per second", ["", "1/s"], [[name, rate] for name, rate in rates.items()])
    for title, grown in (("Growth with tenants", tenants), ("Growth with data", sizes)):
        table(console, title, list(grown[0]), [list(row.values()) for row in grown])


def _goals(console: Console, found: dict[str, Any]) -> None:
    opa = found["opa_server_p50_ms"]
    goals = [("enforcement above the engine's own time, p50 ms", found["pep_overhead_p50_ms"], 1.0)]
    if opa:
        goals.append(("embedded / OPA over loopback, p50", found["embedded_p50_ms"] / opa, 1.0))
    goals.append(("10,000 decisions × 2 bundles, s", found["backtest_10k_x2_s"], 60.0))
    goals.append(("10,000 decisions bit for bit, s", found["replay_10k_s"], 60.0))
    rows = [[label, value, f"≤ {most:g}", "met" if value <= most else "missed"] for label, value, most in goals]
    table(console, "Goals", ["", "reached", "goal", ""], rows)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench-policy", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="tiny counts: does the harness work?")
    parser.add_argument("--out", type=Path, default=OUT)
    return parser.parse_args()


if __name__ == "__main__":
    os.environ.setdefault("INTERLOCK_LOG_LEVEL", "ERROR")
    sys.exit(main())
