"""How long a target may ask us to wait, and how long we rest before a call is tried again."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.retry_after import CEILING_S, pause_s, seconds

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "waits"),
    [
        ("0", 0.0),
        (" 7 ", 7.0),
        ("3600", 3600.0),
        ("86400", CEILING_S),
        ("9" * 5000, CEILING_S),
        ("Sat, 21 Nov 2026 12:00:30 GMT", 30.0),
        ("Saturday, 21-Nov-26 12:00:30 GMT", 30.0),
        ("Sat Nov 21 12:00:30 2026", 30.0),
        ("Sat, 21 Nov 2026 13:00:30 +0100", 30.0),
        ("Sat, 21 Nov 2026 11:00:00 GMT", 0.0),
        ("Mon, 21 Dec 2026 12:00:00 GMT", CEILING_S),
    ],
)
def test_seconds_and_dates_are_understood_up_to_the_ceiling(value: str, waits: float) -> None:
    assert seconds(value, now=NOW) == waits


@pytest.mark.parametrize("value", ["", "soon", "-1", "1.5", "٣", "Sat, 41 Nov 2026 12:00:30 GMT", "0x10"])
def test_anything_else_asks_for_nothing(value: str) -> None:
    assert seconds(value, now=NOW) is None


@given(st.text(max_size=60))
def test_no_header_breaks_it_or_makes_us_wait_longer_than_the_ceiling(value: str) -> None:
    waits = seconds(value, now=NOW)
    assert waits is None or 0 <= waits <= CEILING_S


@given(st.floats(0, 1e6), st.floats(0, 1, exclude_max=True))
def test_nobody_comes_back_before_the_time_that_was_asked_for(asked: float, jitter: float) -> None:
    assert min(asked, CEILING_S) <= pause_s(asked, jitter=jitter) <= CEILING_S + 30


def test_those_who_were_told_the_same_time_come_back_at_different_times() -> None:
    assert len({pause_s(60.0, jitter=n / 10) for n in range(10)}) == 10


def test_without_a_word_of_the_target_the_rest_is_under_a_second() -> None:
    assert [pause_s(None, jitter=jitter) for jitter in (0.0, 0.99)] == [0.0, 0.99]
