"""Whose turn it is and when a digest is due, at the edges of turns, days and clock changes."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.turns import from_place, next_digest, turn

START = datetime(2026, 11, 23, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("hours", "place", "until"), [(0, 0, 8), (7.99, 0, 8), (8, 1, 16), (16, 2, 24), (24, 0, 32), (31.5, 0, 32)]
)
def test_turns_follow_each_other(hours: float, place: int, until: int) -> None:
    found = turn(starts_at=START, turn_hours=8, members=3, now=START + timedelta(hours=hours))
    assert found is not None
    assert (found.place, found.until) == (place, START + timedelta(hours=until))


def test_before_the_first_turn_and_without_members_nobody_is_asked() -> None:
    assert turn(starts_at=START, turn_hours=8, members=3, now=START - timedelta(seconds=1)) is None
    assert turn(starts_at=START, turn_hours=8, members=0, now=START) is None


def test_everybody_once_beginning_with_the_turn() -> None:
    assert from_place(["a", "b", "c"], 1) == ["b", "c", "a"]


@pytest.mark.parametrize(
    ("after", "weekdays_only", "expected"),
    [
        ("2026-11-23T06:59", False, "2026-11-23T07:00"),
        ("2026-11-23T07:00", False, "2026-11-24T07:00"),
        ("2026-11-27T12:00", True, "2026-11-30T07:00"),
        ("2026-11-27T12:00", False, "2026-11-28T07:00"),
        ("2027-03-27T12:00", False, "2027-03-28T06:00"),
    ],
    ids=["today", "tomorrow", "after the weekend", "on the weekend", "summer time"],
)
def test_the_next_digest_in_zurich_at_eight(after: str, weekdays_only: bool, expected: str) -> None:
    at = datetime.fromisoformat(after).replace(tzinfo=UTC)
    due = next_digest(hour=8, timezone="Europe/Zurich", weekdays_only=weekdays_only, after=at)
    assert due == datetime.fromisoformat(expected).replace(tzinfo=UTC)


@given(
    at=st.integers(1_767_225_600, 1_893_456_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)),
    hour=st.integers(0, 23),
    zone=st.sampled_from(["UTC", "Europe/Zurich", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"]),
    weekdays_only=st.booleans(),
)
def test_a_digest_is_always_ahead_and_never_more_than_four_days(
    at: datetime, hour: int, zone: str, weekdays_only: bool
) -> None:
    due = next_digest(hour=hour, timezone=zone, weekdays_only=weekdays_only, after=at)
    assert at < due <= at + timedelta(days=4)
    assert not weekdays_only or due.astimezone(ZoneInfo(zone)).weekday() < 5
