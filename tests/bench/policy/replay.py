"""Recorded decisions, decided again under the bundle that made them and under a candidate."""

import time
from datetime import timedelta
from types import SimpleNamespace

from controlplane.lib import clock
from policies import backtest, proving, services
from policies.asking import Occasion
from policies.backtest import Backtest, Selection
from policies.impact import Impact
from policies.types import PackSource
from tests.bench.policy import site

TOGETHER = 100
PATIENCE_S = 900.0


def seconds(side: SimpleNamespace, count: int) -> tuple[float, dict[str, int]]:
    """How long it takes, and the counts of the report; the recording itself is not measured."""
    _record(side, count)
    source = site.triage().source.replace('"effect": "REQUIRE_HITL"', '"effect": "ALLOW"')
    candidate = backtest.candidate({"triage": PackSource(source, {"channels": []})})
    now = clock.now()
    selection = Selection(side.environment.id, now - timedelta(hours=1), now + timedelta(minutes=1), count)
    state = Backtest(Impact())
    began = time.perf_counter()
    state.advance(selection, candidate, seconds=PATIENCE_S)
    taken = time.perf_counter() - began
    report = state.impact.report()
    return taken, {name: int(report[name]) for name in ("decisions", "covered", "same", "loosened", "tightened")}


def exactly(side: SimpleNamespace, count: int) -> tuple[float, dict[str, int]]:
    """How long the same decisions take when they are decided again and compared with the record bit for bit."""
    began = time.perf_counter()
    proof = proving.decide_again(
        environment_id=side.environment.id, actor=site.actor_of(side), most=count, seconds=PATIENCE_S
    )
    return time.perf_counter() - began, dict(proof.counts)


def _record(side: SimpleNamespace, count: int) -> None:
    for _ in range(0, count, TOGETHER):
        asked = [
            Occasion(document, side.workspace.id, side.environment.id, None, None)
            for document in site.questions(side, TOGETHER)
        ]
        services.decide_many(asked, actor=site.actor_of(side))
