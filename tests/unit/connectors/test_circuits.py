"""When calls are held because the target is in trouble: as tables, and as a walk of Hypothesis."""

import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.calls import Lane
from connectors.circuits import (
    LONGEST_COOL_DOWN_S,
    THRESHOLD,
    UNDO_PAUSE_S,
    CircuitState,
    Go,
    Hold,
    Sign,
    Standing,
    admission,
    after,
    cool_down_s,
    sign_of,
)
from connectors.types import Done, Exchange, Failed, NotSent, Outcome, Unknown

NOW = datetime(2026, 11, 21, tzinfo=UTC)
LEASE_S = 45
CALL, OTHER = uuid.UUID(int=1), uuid.UUID(int=2)
ANSWERED = Exchange("PATCH", "https://x.test/", 403, "", "")
UNANSWERED = replace(ANSWERED, status=0)


def _in(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def _end(now: Standing, sign: Sign, **how: Any) -> Standing:
    known = {"lane": Lane.FORWARD, "call_id": CALL, "at": NOW, "asked_s": None}
    return after(now, sign, **{**known, **how})


def _asked(now: Standing, at: datetime = NOW, lane: Lane = Lane.FORWARD, call_id: uuid.UUID = CALL) -> Go | Hold:
    return admission(now, lane, call_id=call_id, at=at, lease_s=LEASE_S)


def _tried(now: Standing, at: datetime, lane: Lane = Lane.FORWARD, call_id: uuid.UUID = CALL) -> Standing:
    said = _asked(now, at, lane, call_id)
    assert isinstance(said, Go)
    assert said.standing is not None
    return said.standing


@pytest.fixture
def opened() -> Standing:
    now = Standing()
    for _ in range(THRESHOLD):
        now = _end(now, Sign.IN_TROUBLE)
    return now


@pytest.mark.parametrize(
    ("outcome", "sign"),
    [
        (Done({}), Sign.ALIVE),
        (Unknown("timeout"), Sign.IN_TROUBLE),
        (Failed(False, "rate_limited"), Sign.IN_TROUBLE),
        (Failed(True, "forbidden", wire=(ANSWERED,)), Sign.ALIVE),
        (Failed(True, "egress_denied"), Sign.NOTHING),
        (Failed(True, "egress_denied", wire=(UNANSWERED,)), Sign.NOTHING),
        (NotSent("halted"), Sign.NOTHING),
    ],
)
def test_only_transient_and_unknown_outcomes_are_trouble(outcome: Outcome, sign: Sign) -> None:
    assert sign_of(outcome) is sign


def test_it_opens_at_the_last_of_so_many_failures_in_a_row(opened: Standing) -> None:
    assert (opened.state, opened.failures, opened.trips) == (CircuitState.OPEN, THRESHOLD, 1)
    assert opened.forward.next_at == _in(cool_down_s(1))


def test_an_answer_in_between_starts_the_count_again() -> None:
    now = Standing(failures=THRESHOLD - 1)
    assert _end(_end(now, Sign.ALIVE), Sign.IN_TROUBLE) == Standing(failures=1)


def test_what_permanent_refusals_and_held_calls_say_never_opens_it() -> None:
    now = Standing()
    for sign in [Sign.ALIVE, Sign.NOTHING] * THRESHOLD:
        now = _end(now, sign)
    assert now == Standing()


def test_an_open_circuit_holds_until_its_time_and_then_lets_one_call_try(opened: Standing) -> None:
    due = opened.forward.next_at
    assert due is not None
    assert _asked(opened, due - timedelta(milliseconds=1)) == Hold(due)
    trying = _tried(opened, due)
    assert trying.state is CircuitState.HALF_OPEN
    assert isinstance(_asked(trying, due, call_id=OTHER), Hold)


def test_the_try_of_a_worker_that_died_passes_on(opened: Standing) -> None:
    trying = _tried(opened, _in(60))
    assert isinstance(_asked(trying, _in(60 + LEASE_S - 1), call_id=OTHER), Hold)
    assert _tried(trying, _in(60 + LEASE_S), call_id=OTHER).forward.call_id == OTHER


def test_a_try_that_succeeds_closes_it(opened: Standing) -> None:
    assert _end(_tried(opened, _in(60)), Sign.ALIVE) == Standing()


def test_a_try_that_fails_opens_it_for_longer(opened: Standing) -> None:
    again = _end(_tried(opened, _in(60)), Sign.IN_TROUBLE, at=_in(61))
    assert (again.state, again.trips, again.opened_at) == (CircuitState.OPEN, 2, NOW)
    assert again.forward.next_at == _in(61 + cool_down_s(2))


def test_a_try_that_was_not_sent_gives_its_place_back(opened: Standing) -> None:
    back = _end(_tried(opened, _in(60)), Sign.NOTHING, at=_in(61))
    assert back.state is CircuitState.OPEN
    assert isinstance(_asked(back, _in(61), call_id=OTHER), Go)


@pytest.mark.parametrize("sign", list(Sign))
def test_a_call_that_left_before_it_opened_changes_nothing(opened: Standing, sign: Sign) -> None:
    assert _end(opened, sign, call_id=OTHER) == opened
    trying = _tried(opened, _in(60))
    assert _end(trying, sign, call_id=OTHER) == trying


def test_undoing_may_try_at_once_and_has_a_budget_of_its_own(opened: Standing) -> None:
    undoing = _tried(opened, NOW, Lane.COMPENSATION)
    assert isinstance(_asked(undoing, NOW, Lane.FORWARD, OTHER), Hold), "forward work waits for its own time"
    failed = _end(undoing, Sign.IN_TROUBLE, lane=Lane.COMPENSATION)
    assert failed.forward == opened.forward, "a try of the undoing costs forward work nothing"
    assert failed.undo.next_at == _in(UNDO_PAUSE_S)
    both = _tried(_tried(failed, _in(60)), _in(60), Lane.COMPENSATION, OTHER)
    assert (both.forward.call_id, both.undo.call_id) == (CALL, OTHER)
    assert _end(both, Sign.ALIVE, lane=Lane.COMPENSATION, call_id=OTHER) == Standing()


def test_what_the_target_asks_for_wins_over_a_shorter_rest(opened: Standing) -> None:
    again = _end(_tried(opened, _in(60)), Sign.IN_TROUBLE, at=_in(60), asked_s=900.0)
    assert again.forward.next_at == _in(960)


def test_the_rest_doubles_up_to_five_minutes() -> None:
    assert [cool_down_s(trips) for trips in (1, 2, 3, 4, 5, 6, 99)] == [15, 30, 60, 120, 240, 300, 300]
    assert cool_down_s(99) == LONGEST_COOL_DOWN_S


_MOVES = st.lists(
    st.tuples(
        st.sampled_from(["ask", *Sign]),
        st.sampled_from([Lane.FORWARD, Lane.COMPENSATION, Lane.SYSTEM]),
        st.integers(1, 4).map(lambda n: uuid.UUID(int=n)),
        st.integers(0, 120),
    ),
    max_size=80,
)


@given(_MOVES)
def test_whatever_happens_one_call_per_lane_tries_and_nobody_waits_for_ever(moves: list[Any]) -> None:
    now, at = Standing(), NOW
    for what, lane, call_id, passed in moves:
        at += timedelta(seconds=passed)
        if what == "ask":
            said = _asked(now, at, lane, call_id)
            now = (said.standing or now) if isinstance(said, Go) else now
        else:
            now = _end(now, what, lane=lane, call_id=call_id, at=at)
        trying = now.forward.call_id or now.undo.call_id
        assert (now.state is CircuitState.HALF_OPEN) == bool(trying)
        assert (now.state is CircuitState.CLOSED) == (now.opened_at is None)
        far = at + timedelta(seconds=LONGEST_COOL_DOWN_S + LEASE_S)
        assert isinstance(_asked(now, far, Lane.FORWARD, OTHER), Go)
        assert isinstance(_asked(now, far, Lane.COMPENSATION, OTHER), Go)
