"""The evaluator process: it recovers, belongs to one process, takes turns, and refuses to start when unfit."""

import os
import signal
import threading
from collections.abc import Iterator
from multiprocessing import get_context

import pytest

from policies.engine import conformance, embedded
from policies.engine.embedded import EmbeddedPoint
from policies.engine.framing import BadFrame, length_of, pack, unpack
from policies.engine.process import EvaluatorProcess
from policies.engine.protocol import Layers, PointFailure, Program

ECHO = Program("echo", {"m.rego": 'package interlock.main\ndecision := {"said": input.word}'}, {})


@pytest.fixture
def point() -> Iterator[EmbeddedPoint]:
    made = EmbeddedPoint(deadline_s=2, confined_only=False)
    yield made
    made.close()


def pid_of(point: EmbeddedPoint) -> int:
    point.layers()
    return point.pids()[0]


def test_a_killed_child_is_replaced_within_the_question(point: EmbeddedPoint) -> None:
    before = pid_of(point)
    os.kill(before, signal.SIGKILL)
    assert point.evaluate(ECHO, {"word": "again"}) == {"said": "again"}
    assert pid_of(point) != before


def test_the_same_child_answers_question_after_question(point: EmbeddedPoint) -> None:
    first = pid_of(point)
    assert [point.evaluate(ECHO, {"word": n})["said"] for n in range(50)] == list(range(50))
    assert pid_of(point) == first


def test_several_questions_are_answered_in_their_order_by_the_same_child(point: EmbeddedPoint) -> None:
    first = pid_of(point)
    asked = [{"word": n} for n in range(150)]
    assert point.evaluate_many(ECHO, asked) == [{"said": n} for n in range(150)]
    assert point.evaluate_many(ECHO, []) == []
    assert pid_of(point) == first


def test_a_question_that_fails_does_not_take_the_others_along(point: EmbeddedPoint) -> None:
    answers = point.evaluate_many(ECHO, [{"word": 1}, {"other": 2}, {"word": 3}])
    assert [answer for answer in answers if isinstance(answer, dict)] == [{"said": 1}, {"said": 3}]
    assert isinstance(answers[1], PointFailure)
    assert answers[1].code == "pdp_error"


def test_of_several_questions_only_the_one_that_hangs_and_what_its_policy_is_held_back_for_have_no_answer() -> None:
    slow = """package interlock.main
decision := {"said": input.word} if { not hangs }
hangs if { input.word == 2; some a in numbers.range(1, 30000); some b in numbers.range(1, 30000); a * b == 7.5 }
"""
    point = EmbeddedPoint(deadline_s=0.5, confined_only=False)
    try:
        answers = point.evaluate_many(Program("slow", {"m.rego": slow}, {}), [{"word": 1}, {"word": 2}, {"word": 3}])
    finally:
        point.close()
    assert answers[0] == {"said": 1}
    assert [answer.code for answer in answers[1:] if isinstance(answer, PointFailure)] == [
        "pdp_timeout",
        "pdp_quarantined",
    ]


def test_threads_get_their_own_answers(point: EmbeddedPoint) -> None:
    wrong: list[object] = []

    def many(word: int) -> None:
        wrong.extend(a for a in (point.evaluate(ECHO, {"word": word})["said"] for _ in range(25)) if a != word)

    threads = [threading.Thread(target=many, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def _in_the_copy(point: EmbeddedPoint, answers: object) -> None:
    answers.put((point.evaluate(ECHO, {"word": "copy"}), pid_of(point)))  # type: ignore[attr-defined]
    point.close()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_copy_starts_its_own_child_even_while_the_lock_is_held(point: EmbeddedPoint) -> None:
    mine = pid_of(point)
    context = get_context("fork")
    answers = context.Queue()
    with point._pool._turn:
        copy = context.Process(target=_in_the_copy, args=(point, answers))
        copy.start()
        answer, theirs = answers.get(timeout=20)
        copy.join(20)
    assert answer == {"said": "copy"}
    assert theirs != mine
    assert point.evaluate(ECHO, {"word": "mine"}) == {"said": "mine"}
    assert pid_of(point) == mine


def test_a_child_ends_when_its_parent_lets_go() -> None:
    process = EvaluatorProcess()
    process.forget()
    pid, _ = os.waitpid(process.pid, 0)
    assert pid == process.pid


def test_a_program_beyond_those_held_is_loaded_again(point: EmbeddedPoint) -> None:
    programs = [
        Program(f"p{n}", {"m.rego": f'package interlock.main\ndecision := {{"said": {n}}}'}, {}) for n in range(20)
    ]
    for _ in range(2):
        assert [point.evaluate(p, {})["said"] for p in programs] == list(range(20))


@pytest.mark.parametrize(
    "source",
    [
        "package interlock.main\ndecision := 1 / 0",
        'package interlock.main\ndecision := to_number("x")',
        "package interlock.main\nother := 1",
        "package interlock.main\ndecision {",
        "package interlock.main\ndecision := 1\ndecision := 2",
    ],
)
def test_a_rule_that_fails_is_an_error_not_a_gap(point: EmbeddedPoint, source: str) -> None:
    with pytest.raises(PointFailure, match="pdp_error"):
        point.evaluate(Program(source, {"m.rego": source}, {}), {})


def test_an_answer_that_is_no_object_is_refused(point: EmbeddedPoint) -> None:
    with pytest.raises(PointFailure, match="bad_decision"):
        point.evaluate(Program("true", {"m.rego": "package interlock.main\ndecision := true"}, {}), {})


def test_a_child_without_its_confinement_is_refused_where_it_matters(monkeypatch: pytest.MonkeyPatch) -> None:
    def greeting(process: EvaluatorProcess) -> Layers:
        greet(process)
        return Layers({"limits": "on", "landlock": "absent", "seccomp": "on"})

    greet = EvaluatorProcess._greeting
    monkeypatch.setattr(EvaluatorProcess, "_greeting", greeting)
    with pytest.raises(PointFailure, match="pdp_unconfined"):
        embedded.start(confined_only=True)
    embedded.start(confined_only=False).kill()


def test_an_engine_that_answers_differently_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = {**conformance.EXPECTED, "decimal_sum_is_exact": False}
    monkeypatch.setattr(conformance, "EXPECTED", wrong)
    with pytest.raises(PointFailure, match="pdp_nonconforming"):
        embedded.start(confined_only=False)


def test_truth_and_one_are_told_apart() -> None:
    assert conformance.differences({**conformance.EXPECTED, "large_integers_are_exact": True}) == [
        "large_integers_are_exact"
    ]
    assert conformance.differences(None) == ["answers"]


def test_frames_survive_the_trip_and_nonsense_does_not() -> None:
    frame = pack({"word": "ü", "n": 2**70})
    assert length_of(frame[:4]) == len(frame) - 4
    assert unpack(frame[4:]) == {"word": "ü", "n": 2**70}
    for body in (b"[]", b"{", b"\xff", b"[" * 100_000):
        with pytest.raises(BadFrame):
            unpack(body)
    with pytest.raises(BadFrame):
        length_of(b"\xff\xff\xff\xff")


def test_a_child_in_a_loop_ends_by_itself_when_its_parent_is_gone() -> None:
    process = EvaluatorProcess()
    big = "numbers.range(1, 30000)"
    source = f"package interlock.main\ndecision := count([1 | some x in {big}; some y in {big}; x * y == 7])"
    load = {"verb": "load", "key": "loop", "modules": {"m.rego": source}, "data": {}, "entrypoint": "interlock.main"}
    os.write(process._requests, pack({**load, "id": 1, "alarm_s": 0.3}))
    process.forget()
    _, status = os.waitpid(process.pid, 0)
    assert os.WTERMSIG(status) == signal.SIGALRM
