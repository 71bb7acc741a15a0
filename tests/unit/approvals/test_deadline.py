"""When time runs out, with and without halts, as a table of minutes."""

from datetime import UTC, datetime, timedelta

import pytest

from approvals.deadline import extended

START = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)


def at(minute: int) -> datetime:
    return START + timedelta(minutes=minute)


TABLE = [
    ("no halt", [], 5, 10),
    ("a halt that is over", [(2, 5)], 9, 13),
    ("a halt that holds", [(2, None)], 9, 17),
    ("halts that overlap count once", [(2, 6), (4, 8)], 9, 16),
    ("one inside the other counts once", [(2, 8), (3, 4)], 9, 16),
    ("a halt from before the request", [(-30, 4)], 9, 14),
    ("a halt over before the request", [(-30, -5)], 9, 10),
    ("a halt after the deadline is too late", [(11, 20)], 30, 10),
    ("a halt inside the time that another added", [(2, 7), (12, 14)], 20, 17),
    ("a halt after the time that another added", [(2, 4), (12, 14)], 20, 12),
    ("two halts at once, both holding", [(2, None), (3, None)], 9, 17),
]


@pytest.mark.parametrize(("name", "halts", "now", "deadline"), TABLE)
def test_deadline(name: str, halts: list[tuple[int, int | None]], now: int, deadline: int) -> None:
    periods = [(at(start), None if end is None else at(end)) for start, end in halts]
    assert extended(at(10), at(0), periods, at(now)) == at(deadline), name
    assert extended(at(10), at(0), reversed(periods), at(now)) == at(deadline), name
