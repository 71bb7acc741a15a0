"""Children that decide and children that try things out: neither waits for the other, none takes too much."""

import os
import statistics
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from controlplane.lib import clock
from policies import authoring, backtest
from policies.backtest import Trial
from policies.bundles import ROOT
from policies.engine import workshop
from policies.engine.embedded import EmbeddedPoint
from policies.engine.process import EvaluatorProcess
from policies.engine.protocol import PointFailure, Program
from policies.engine.workshop import NICE, Purpose
from policies.types import PackSource

DEADLINE_S = 1.0
BIG = "numbers.range(1, 30000)"
LOOP = f"count([1 | some x in {BIG}; some y in {BIG}; x * y == 7])"
ECHO = Program("echo", {"m.rego": 'package interlock.main\ndecision := {"said": input.word}'}, {})
STALLED = Program("stalled", {"m.rego": f"package interlock.main\ndecision := x if {{ input.go; x := {LOOP} }}"}, {})


@pytest.fixture
def point() -> Iterator[EmbeddedPoint]:
    made = EmbeddedPoint(deadline_s=DEADLINE_S, confined_only=False)
    made.evaluate(ECHO, {"word": 0})
    yield made
    made.close()


def decisions_during(point: EmbeddedPoint, busy: Callable[[], object]) -> list[float]:
    """How long each decision took while something else was going on (at least a second of it)."""
    taken: list[float] = []
    with ThreadPoolExecutor(1) as other:
        work = other.submit(busy)
        until = clock.monotonic() + 1.5
        while clock.monotonic() < until or not taken:
            began = clock.monotonic()
            assert point.evaluate(ECHO, {"word": len(taken)}) == {"said": len(taken)}
            taken.append(clock.monotonic() - began)
        work.result(60)
    return taken


def check_a_stalled_draft() -> None:
    pack = PackSource(
        "package interlock.packs.slow", tests=f"package interlock.tests.slow\ntest_never if {{ {LOOP} > 0 }}"
    )
    with pytest.raises(PointFailure, match="pdp_timeout"):
        authoring.check({"slow": pack}, confined_only=False)


def try_a_stalled_candidate() -> None:
    bundle = {ROOT: {"bundle": {"revision": "r", "seq": 1}}}
    candidate = Program("stalled", dict(STALLED.modules), bundle)
    with backtest.trial() as evaluator:
        assert evaluator.decide(candidate, [{"go": True}] * 3) == [None] * 3


@pytest.mark.parametrize("busy", [check_a_stalled_draft, try_a_stalled_candidate])
def test_what_is_stalled_elsewhere_delays_no_decision(
    point: EmbeddedPoint, busy: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(authoring, "CHECK_S", 2.0)
    monkeypatch.setattr(backtest, "TOGETHER_S", 1.0)
    monkeypatch.setattr(backtest, "EVALUATION_S", 0.3)
    before = point.pids()
    taken = decisions_during(point, busy)
    assert max(taken) < DEADLINE_S
    assert statistics.median(taken) < 0.05
    assert point.pids() == before, "the children that decide were not touched"


def test_a_program_that_stalls_its_child_does_not_hold_up_another(point: EmbeddedPoint) -> None:
    def stall() -> None:
        with pytest.raises(PointFailure, match="pdp_timeout"):
            point.evaluate(STALLED, {"go": True})

    assert max(decisions_during(point, stall)) < DEADLINE_S


def test_a_question_that_finds_every_child_busy_is_refused_in_time(point: EmbeddedPoint) -> None:
    pool = point._pool
    with pool.seat("", wait_s=0), pool.seat("", wait_s=0):
        began = clock.monotonic()
        with pytest.raises(PointFailure, match="busy"), pool.seat("echo", wait_s=0.1):
            pass
        assert clock.monotonic() - began < 1


def test_one_question_after_the_other_needs_one_child(point: EmbeddedPoint) -> None:
    for word in range(20):
        point.evaluate(ECHO, {"word": word})
    assert len(point.pids()) == 1


def test_threads_share_two_children(point: EmbeddedPoint) -> None:
    def ask(word: int) -> object:
        return point.evaluate(ECHO, {"word": word})["said"]

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(ask, range(100))) == list(range(100))
    assert 1 <= len(point.pids()) <= 2


def test_jobs_of_one_purpose_wait_for_a_place_and_then_give_up() -> None:
    with workshop.place(Purpose.AUTHORING), workshop.place(Purpose.AUTHORING):
        with pytest.raises(PointFailure, match="workshop_busy"), workshop.place(Purpose.AUTHORING, wait_s=0.05):
            pass
        with workshop.place(Purpose.SIMULATION, wait_s=0.05):
            pass
    with workshop.place(Purpose.AUTHORING, wait_s=0.05):
        pass


def test_a_child_of_the_workshop_gives_way_and_ends_with_its_job() -> None:
    with workshop.evaluator(Purpose.AUTHORING, confined_only=False) as child:
        assert os.getpriority(os.PRIO_PROCESS, child.pid) == min(os.getpriority(os.PRIO_PROCESS, 0) + NICE, 19)
    assert not child.alive


def test_programs_are_let_go_by_their_size_before_memory_runs_out() -> None:
    child = EvaluatorProcess()
    held: list[str] = []
    for number in range(4):
        data = {"words": ["x" * 100] * 20_000}
        program = {"modules": dict(ECHO.modules), "data": data, "entrypoint": "interlock.main.decision"}
        held = child.ask({"verb": "load", "key": f"p{number}", **program}, deadline_s=20)
    child.kill()
    assert held == ["p1", "p2", "p3"][-len(held) :]
    assert 2 <= len(held) < 4


def test_several_documents_at_once_fail_one_by_one() -> None:
    child = EvaluatorProcess()
    source = 'package interlock.main\ndecision := {"half": 1 / input.by}'
    common = {"key": "k", "entrypoint": "interlock.main.decision"}
    child.ask({"verb": "load", "modules": {"m.rego": source}, "data": {}, **common}, deadline_s=5)
    answers = child.ask(
        {"verb": "evaluate_many", "documents": [{"by": 1}, {"by": 0}, {}, {"by": -1}], **common}, deadline_s=5
    )
    child.kill()
    assert [sorted(answer) for answer in answers] == [["value"], ["error"], ["error"], ["value"]]
    assert answers[3] == {"value": {"half": -1}}


def test_a_candidate_that_keeps_killing_is_not_run_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backtest, "TOGETHER_S", 0.3)
    monkeypatch.setattr(backtest, "EVALUATION_S", 0.2)
    monkeypatch.setattr(backtest, "AT_ONCE", 5)
    candidate = Program("stalled", dict(STALLED.modules), {ROOT: {"bundle": {"revision": "r", "seq": 1}}})
    trial = Trial()
    began = clock.monotonic()
    assert trial.decide(candidate, [{"go": True}] * 400) == [None] * 400
    trial.close()
    assert clock.monotonic() - began < 20


def test_many_threads_may_take_and_give_back_seats(point: EmbeddedPoint) -> None:
    pool, most, at_once = point._pool, [0], [0]
    lock = threading.Lock()

    def take(key: str) -> None:
        with pool.seat(key, wait_s=10):
            with lock:
                at_once[0] += 1
                most[0] = max(most[0], at_once[0])
            with lock:
                at_once[0] -= 1

    with ThreadPoolExecutor(16) as threads:
        list(threads.map(take, [f"k{n % 3}" for n in range(200)]))
    assert most[0] <= 2
