"""Fifty threads at one budget and one rate limit: what was promised holds."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction

from controlplane.lib import ids
from metering import services
from metering.errors import BudgetExceeded
from metering.models import Budget, Reservation
from metering.types import BudgetKind, Period
from tenants import scope
from tenants.actors import Actor
from tests.races.threads import at_once

pytestmark = pytest.mark.races


@pytest.fixture
def tenant_id(committed_db: str, world: Any, actor_of: Callable[..., Any]) -> Any:
    alice = actor_of(world.a.alice, world.a.tenant)
    with scope.enter(world.a.tenant.id):
        for kind, value in ((BudgetKind.TENANT, ""), (BudgetKind.WORKFLOW, "itsm-triage")):
            services.set_budget(kind=kind, value=value, period=Period.DAY, limit_micros=1000, actor=alice)
    return world.a.tenant.id


def test_fifty_threads_never_hold_more_than_the_limit(tenant_id: Any, world: Any) -> None:
    def hold() -> bool:
        with scope.enter(tenant_id):
            try:
                with transaction.atomic():
                    services.reserve(
                        call_id=ids.uuid7(),
                        workspace_id=world.a.workspace.id,
                        workflow="itsm-triage",
                        model=None,
                        estimate_micros=100,
                        actor=Actor.system(tenant_id, "gateway"),
                    )
            except BudgetExceeded:
                return False
            return True

    assert sum(at_once(hold)) == 10
    with scope.enter(tenant_id), transaction.atomic():
        assert list(Budget.objects.values_list("reserved_micros", flat=True)) == [1000, 1000]
        assert Reservation.objects.count() == 20


def test_fifty_threads_get_as_many_slots_as_there_are(tenant_id: Any) -> None:
    instance_id = ids.uuid7()

    def take() -> bool:
        with scope.enter(tenant_id), transaction.atomic():
            return services.take_slot(instance_id=instance_id, per_minute=7) is None

    assert sum(at_once(take)) == 7
