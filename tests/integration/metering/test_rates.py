"""The rate limit of a connector instance."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from uuid import UUID

import pytest
from django.db import transaction

from controlplane.lib import clock, ids
from metering import services

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def take(instance_id: UUID, seconds: float = 0, per_minute: int = 3) -> float | None:
    with clock.frozen(NOON + timedelta(seconds=seconds)), transaction.atomic():
        return services.take_slot(instance_id=instance_id, per_minute=per_minute)


def test_a_minute_of_calls_may_go_at_once_and_then_one_per_step(books: SimpleNamespace) -> None:
    one = ids.uuid7()
    assert [take(one) for _ in range(3)] == [None, None, None]
    assert take(one) == pytest.approx(20)
    assert take(one, 19.9) == pytest.approx(0.1)
    assert take(one, 20) is None
    assert take(one, 20) == pytest.approx(20)


def test_a_refused_call_takes_nothing(books: SimpleNamespace) -> None:
    one = ids.uuid7()
    take(one, per_minute=1)
    assert [take(one, 30, per_minute=1) for _ in range(5)] == [pytest.approx(30)] * 5
    assert take(one, 60, per_minute=1) is None


def test_instances_do_not_share_a_limit(books: SimpleNamespace) -> None:
    take(one := ids.uuid7(), per_minute=1)
    assert take(one, per_minute=1) is not None
    assert take(ids.uuid7(), per_minute=1) is None


def test_a_rolled_back_call_gives_its_slot_back(books: SimpleNamespace) -> None:
    one = ids.uuid7()
    with clock.frozen(NOON), transaction.atomic():
        assert services.take_slot(instance_id=one, per_minute=1) is None
        transaction.set_rollback(True)
    assert take(one, per_minute=1) is None


def test_a_limit_of_nothing_is_a_mistake(books: SimpleNamespace) -> None:
    with pytest.raises(ValueError, match="at least one"):
        take(ids.uuid7(), per_minute=0)
