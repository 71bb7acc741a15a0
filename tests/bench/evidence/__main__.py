"""`python -m tests.bench.evidence [--quick]`: writes build/bench-evidence.json.

Sixteen writers on one workspace, each transaction a business row, its event, and ten milliseconds of other work before
the commit, on a durable PostgreSQL of its own. The three kinds of record take turns on one machine in one run: compare
the ratios, not the rates. A ratio is the median over the rounds.
"""

import argparse
import json
import os
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

OWN_SERVER = "INTERLOCK_TEST_DATA" not in os.environ
if OWN_SERVER:
    os.environ |= {"INTERLOCK_TEST_DURABLE": "1", "INTERLOCK_TEST_DATA": "bench-evidence"}

from tests import ground  # noqa: E402 - the server is durable only if that is said before it is made

OUT = ground.ROOT / "build" / "bench-evidence.json"
MODES = ("none", "queue", "locked")
WRITERS, PROCESSES, SEQUENCERS = 16, 4, 1
FULL = {"rounds": 5, "seconds": 8.0, "hold_ms": 10.0, "events": 100_000}
QUICK = {"rounds": 1, "seconds": 1.5, "hold_ms": 10.0, "events": 2_000}
GOALS = {
    "hot_workspace_ratio_to_no_audit": (">=", 0.75),
    "ratio_to_locked_chain": (">=", 1.0),
    "sequencing_lag_p99_ms": ("<", 1000.0),
    "verify_100k_s": ("<", 10.0),
}


def main() -> int:
    import django

    django.setup()
    from django.conf import settings

    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    options = _options()
    try:
        with TemporaryDirectory() as folder:
            found = _measured(QUICK if options.quick else FULL, Path(folder))
    finally:
        from django.db import connections

        connections.close_all()
        ground.drop(ground.session_database())
        if OWN_SERVER:
            ground.database.stop_embedded(ground.LOCATOR)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(found, indent=2) + "\n")
    _say(found, options.out)
    return 0


def _measured(counts: dict[str, Any], folder: Path) -> dict[str, Any]:
    from controlplane.lib.ids import uuid7
    from tests.bench.evidence import crew, reading
    from tests.conftest import build_world

    side, log, load = build_world().a, uuid7(), os.getloadavg()[0]
    crew.prepare(log, WRITERS)
    watch = crew.Watch(log)
    with (
        crew.sequencers(SEQUENCERS),
        crew.writers(side.tenant.id, log, WRITERS, PROCESSES) as writers,
        watch.looking(),
    ):
        for mode in MODES:
            crew.play(writers, mode, 1.0, counts["hold_ms"])
        rounds = [
            {mode: crew.play(writers, mode, counts["seconds"], counts["hold_ms"]) for mode in MODES}
            for _ in range(counts["rounds"])
        ]
        _let_it_end(log)
    verify_s = reading.verify_s(counts["events"], folder)
    return {
        **_rates(rounds),
        **_lags(rounds, watch, log),
        "verify_100k_s": round(verify_s * 100_000 / counts["events"], 2),
        "verified_events": counts["events"],
        "writers": WRITERS,
        "sequencers": SEQUENCERS,
        "hold_ms": counts["hold_ms"],
        "rounds": counts["rounds"],
        "load_before": round(load, 1),
        "load_after": round(os.getloadavg()[0], 1),
    }


def _let_it_end(log: UUID) -> None:
    """The watcher stays until the last event is signed, so that the slowest ones count too."""
    import time

    from tests.bench.evidence import crew

    query = (
        "SELECT EXISTS (SELECT 1 FROM evidence_pending WHERE log_id = %(log)s)"
        " OR EXISTS (SELECT 1 FROM evidence_loghead WHERE id = %(log)s AND signed_size < size)"
    )
    with crew.admin() as session:
        while session.execute(query, {"log": log}).fetchone()[0]:  # type: ignore[index]
            time.sleep(0.05)
    time.sleep(5 * crew.WATCH_S)


def _rates(rounds: Sequence[dict[str, Any]]) -> dict[str, Any]:
    rates = {mode: [one[mode]["rate"] for one in rounds] for mode in MODES}
    ratios = {
        mode: statistics.median(ours / theirs for ours, theirs in zip(rates["queue"], rates[mode], strict=True))
        for mode in MODES
    }
    return {
        "hot_workspace_ratio_to_no_audit": round(ratios["none"], 3),
        "ratio_to_locked_chain": round(ratios["locked"], 2),
        "events_per_s": round(statistics.median(rates["queue"]), 1),
        "no_audit_per_s": round(statistics.median(rates["none"]), 1),
        "locked_chain_per_s": round(statistics.median(rates["locked"]), 1),
    }


def _lags(rounds: Sequence[dict[str, Any]], watch: Any, log: UUID) -> dict[str, Any]:
    from tests.bench.evidence import reading

    commits = [commit for one in rounds for commit in one["queue"]["commits"]]
    grown = reading.lags_ms(commits, watch.grown, log)
    signed = reading.lags_ms(commits, watch.signed, log)
    if not len(grown) == len(signed) == len(commits):
        raise RuntimeError(f"of {len(commits)} events, {len(grown)} were sequenced and {len(signed)} signed")
    return {
        "sequencing_lag_p50_ms": _percentile(grown, 50),
        "sequencing_lag_p99_ms": _percentile(grown, 99),
        "signing_lag_p50_ms": _percentile(signed, 50),
        "signing_lag_p99_ms": _percentile(signed, 99),
    }


def _percentile(values: Sequence[float], percent: int) -> float:
    return round(statistics.quantiles(values, n=100, method="inclusive")[percent - 1], 1)


def _say(found: dict[str, Any], out: Path) -> None:
    lines = [f"{name:<34} {value}" for name, value in found.items()]
    for name, (sign, goal) in GOALS.items():
        reached = found[name] >= goal if sign == ">=" else found[name] < goal
        lines.append(f"goal {name} {sign} {goal}: {found[name]} {'reached' if reached else 'MISSED'}")
    sys.stdout.write("\n".join([*lines, str(out), ""]))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="What the record costs; see the head of this file.")
    parser.add_argument("--quick", action="store_true", help="whether it runs at all; the figures mean nothing")
    parser.add_argument("--out", type=Path, default=OUT)
    return parser.parse_args()


if __name__ == "__main__":
    os.environ.setdefault("INTERLOCK_LOG_LEVEL", "ERROR")
    sys.exit(main())
