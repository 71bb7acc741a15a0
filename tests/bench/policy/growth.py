"""How a decision grows with the number of tenants that a process serves, and with the data of a bundle."""

import itertools
import os
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from policies import authoring
from policies.bundles import ROOT
from policies.controls import FAR_NS
from policies.engine.embedded import EmbeddedPoint
from policies.engine.protocol import Program
from policies.types import PackSource
from tests.bench.policy import site, timing

TENANTS = (1, 5, 10, 25, 50)
SIZES_KB = (10, 100, 500, 2500)
LOOKUP = """package interlock.packs.lookup

import data.interlock.config.lookup as config

findings contains {
	"effect": "DENY",
	"code": "known_bad",
	"rule": "interlock.packs.lookup",
	"message": "This target is listed.",
} if {
	config.listed[input.resource.args.sys_id].state == "blocked"
}
"""
ENTRY = {"state": "allowed", "owner": "team-of-the-owner", "note": "x" * 40}


def of_tenants(side: SimpleNamespace, counts: tuple[int, ...], rounds: int) -> list[dict[str, float]]:
    """One process asked by so many tenants in turn, each with a bundle of its own."""
    return [_tenants(side, count, rounds) for count in counts]


def _tenants(side: SimpleNamespace, count: int, rounds: int) -> dict[str, float]:
    programs = [program(f"tenant-{n}", {"triage": site.triage(f"C0TENANT{n:02}")}) for n in range(count)]
    loaded, times, memory = _asked(side, programs, max(rounds, 3 * count))
    return {"tenants": count, "load_ms": loaded, "p50_ms": times.p50_ms, "p99_ms": times.p99_ms, "rss_mb": memory}


def of_data(side: SimpleNamespace, sizes_kb: tuple[int, ...], rounds: int) -> list[dict[str, float]]:
    """One bundle with so much data, which each decision looks something up in."""
    return [_data(side, size, rounds) for size in sizes_kb]


def _data(side: SimpleNamespace, size_kb: int, rounds: int) -> dict[str, float]:
    listed = {f"{n:032x}": ENTRY for n in range(size_kb * 1000 // 133)}
    packs = {"triage": site.triage(), "lookup": PackSource(LOOKUP, {"listed": listed})}
    loaded, times, memory = _asked(side, [program(f"data-{size_kb}", packs)], rounds)
    return {"data_kb": size_kb, "load_ms": loaded, "p50_ms": times.p50_ms, "p99_ms": times.p99_ms, "rss_mb": memory}


def program(key: str, packs: dict[str, PackSource]) -> Program:
    bundle = {"revision": key, "seq": 1, "issued_ns": 0, "not_after_ns": FAR_NS}
    return Program(key, authoring.modules(packs), {ROOT: {**authoring.data(packs), "bundle": bundle}})


def _asked(side: SimpleNamespace, programs: list[Program], rounds: int) -> tuple[float, timing.Times, float]:
    """Milliseconds of a load, times of decisions, and megabytes of the child."""
    point = EmbeddedPoint(deadline_s=2, confined_only=False, seats=1)
    asked = itertools.cycle(site.questions(side, 63))  # no divisor in common with the counts of tenants
    try:
        point.layers()
        began = time.perf_counter()
        for each in programs:
            point.evaluate(each, next(asked))
        loaded = (time.perf_counter() - began) * 1000 / len(programs)
        turn = itertools.cycle(programs)
        times = timing.in_turns({"": lambda: point.evaluate(next(turn), next(asked))}, rounds)[""]
        return loaded, times, resident_mb(point.pids()[0])
    finally:
        point.close()


def resident_mb(pid: int) -> float:
    pages: Any = Path(f"/proc/{pid}/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE") / (1 << 20)
