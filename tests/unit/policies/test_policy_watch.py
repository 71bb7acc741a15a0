"""A clock that is set back brings no statement back to life, and is believed again once none could be."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.freshness import HOLD_NS, LONGEST_NS, SKEW_NS, Statement, Watch

SECOND = 1_000_000_000
NOON = 1_795_000_000 * SECOND


def statement(issued_ns: int, lives_ns: int = LONGEST_NS) -> Statement:
    return Statement("t", "e", "0" * 64, "r", 1, issued_ns, issued_ns + lives_ns)


def test_a_small_difference_between_hosts_is_no_step() -> None:
    watch = Watch()
    assert not watch.stepped_back("a", NOON, 0)
    assert not watch.stepped_back("a", NOON - SKEW_NS, 1)
    assert watch.stepped_back("a", NOON - SKEW_NS - 1, 2)
    assert not watch.stepped_back("b", 1, 3), "another activation starts afresh"


def test_a_step_back_is_waited_out_for_as_long_as_a_statement_lives() -> None:
    watch, back = Watch(), NOON - 3600 * SECOND
    watch.stepped_back("a", NOON, 0)
    for waited in (0, 60 * SECOND, HOLD_NS - 1):
        assert watch.stepped_back("a", back + waited, waited)
    assert not watch.stepped_back("a", back + HOLD_NS, HOLD_NS)
    assert not watch.stepped_back("a", back + HOLD_NS + SECOND, HOLD_NS + SECOND)


@pytest.mark.parametrize("crawl_ns", [SKEW_NS - 1, 10 * SECOND])
def test_a_clock_that_keeps_being_set_back_is_never_believed(crawl_ns: int) -> None:
    """Also in steps that are each too small to be one: the wait begins anew."""
    watch = Watch()
    watch.stepped_back("a", NOON, 0)
    now, steady = NOON - 60 * SECOND, 0
    for _ in range(2000):
        assert watch.stepped_back("a", now, steady)
        steady += SECOND
        now += SECOND - crawl_ns


def test_a_step_forward_and_right_again_ends_the_wait() -> None:
    watch = Watch()
    watch.stepped_back("a", NOON, 0)
    assert watch.stepped_back("a", NOON - 60 * SECOND, SECOND)
    assert not watch.stepped_back("a", NOON + 2 * SECOND, 2 * SECOND)


@dataclass
class World:
    """A steady time, and a wall clock that somebody sets."""

    steady_ns: int = 0
    wall_ns: int = NOON


moves = st.lists(
    st.tuples(st.integers(0, 2 * LONGEST_NS), st.integers(-2 * LONGEST_NS, 2 * LONGEST_NS) | st.just(0)), max_size=30
)


@given(moves, st.integers(300 * SECOND, LONGEST_NS))
def test_what_was_seen_to_run_out_is_never_believed_again(moves: list[tuple[int, int]], lives_ns: int) -> None:
    """Time passes and the clock is set at will; only the ends are given two seconds of tolerance."""
    watch, world, old = Watch(), World(), statement(NOON, lives_ns)
    ran_out = False
    for passes, step in moves:
        world.steady_ns += passes
        world.wall_ns += passes + step
        believed = not watch.stepped_back("a", world.wall_ns, world.steady_ns) and old.covers(world.wall_ns)
        assert not (ran_out and believed)
        ran_out = ran_out or world.wall_ns >= old.not_after_ns + SKEW_NS


@given(moves, st.integers(HOLD_NS, 3 * HOLD_NS))
def test_a_clock_that_is_left_alone_is_always_believed_in_the_end(moves: list[tuple[int, int]], later: int) -> None:
    watch, world = Watch(), World()
    for passes, step in moves:
        world.steady_ns += passes
        world.wall_ns += passes + step
        watch.stepped_back("a", world.wall_ns, world.steady_ns)
    assert not watch.stepped_back("a", world.wall_ns + later, world.steady_ns + later)
