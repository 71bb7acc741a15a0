"""When people hear of a request that waits."""

from datetime import UTC, datetime, timedelta

import pytest

from approvals.nudges import due, next_look
from approvals.types import Stage

START = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
R, E = Stage.REMINDER, Stage.ESCALATION


def at(minute: int) -> datetime:
    return START + timedelta(minutes=minute)


@pytest.mark.parametrize(
    ("minute", "told", "stage"),
    [
        (0, [], None),
        (29, [], None),
        (30, [], R),
        (31, [R], None),
        (48, [R], E),
        (48, [], E),
        (50, [E], None),
        (59, [R, E], None),
        (60, [], None),
    ],
)
def test_each_stage_is_told_once_and_a_missed_one_is_not_told_late(
    minute: int, told: list[Stage], stage: Stage | None
) -> None:
    assert due(HOUR, START + HOUR, at(minute), told) is stage


def test_a_short_wait_has_no_reminder() -> None:
    minutes = timedelta(minutes=4)
    assert due(minutes, START + minutes, at(3), []) is None
    assert next_look(START, minutes, START + minutes, []) == at(4)


def test_a_deadline_that_stands_still_reminds_later() -> None:
    assert due(HOUR, START + 3 * HOUR, at(31), []) is None
    assert next_look(at(31), HOUR, START + 3 * HOUR, []) == at(150)


@pytest.mark.parametrize(("minute", "told", "look"), [(0, [], 30), (30, [R], 48), (48, [R, E], 60), (50, [], 60)])
def test_it_is_looked_at_when_there_is_something_to_do(minute: int, told: list[Stage], look: int) -> None:
    assert next_look(at(minute), HOUR, START + HOUR, told) == at(look)
