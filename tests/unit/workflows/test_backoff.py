from datetime import UTC, datetime, timedelta

import pytest

from workflows.backoff import USUAL, delay_s, next_try

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def again(**change):
    facts = {
        "attempt": 1,
        "max_retries": 3,
        "started_at": NOW,
        "timeout_s": 600,
        "now": NOW,
        "not_before": None,
        "jitter": 0.0,
    }
    return next_try(**(facts | change))


@pytest.mark.parametrize(("attempt", "least"), [(1, 0.5), (2, 1.0), (3, 2.0), (8, 60.0), (40, 60.0)])
def test_the_delay_doubles_up_to_a_ceiling(attempt, least):
    assert delay_s(attempt, jitter=0.0) == least
    assert least < delay_s(attempt, jitter=0.999) <= USUAL.ceiling_s


def test_retries_end():
    assert again(attempt=3) is not None
    assert again(attempt=4) is None
    assert again(attempt=1, max_retries=0) is None


def test_time_ends():
    assert again(started_at=NOW - timedelta(seconds=600)) is None


def test_what_the_target_asks_for_wins():
    asked = NOW + timedelta(seconds=30)
    assert again(not_before=asked) == asked
    assert again(not_before=NOW) == NOW + timedelta(seconds=0.5)
