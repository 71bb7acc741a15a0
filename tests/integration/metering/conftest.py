"""Shorthand for booking: one tenant with a budget, a price and people."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from controlplane.lib import ids
from metering import services
from metering.types import BudgetKind, Period, Rate, Usage
from tenants import scope

SANDBOX = Rate(input=Decimal(1), cached=Decimal("0.1"), output=Decimal(5))


@pytest.fixture
def books(world: Any, actor_of: Callable[..., Any]) -> Iterator[SimpleNamespace]:
    """Inside the scope of tenant A: a day's budget of $1 and a price for `interlock-sandbox-1`."""
    alice = actor_of(world.a.alice, world.a.tenant)
    with scope.enter(world.a.tenant.id):
        budget = services.set_budget(
            kind=BudgetKind.TENANT, value="", period=Period.DAY, limit_micros=1_000_000, actor=alice
        )
        services.set_price(provider="anthropic", model="interlock-sandbox-1", rate=SANDBOX, source="test", actor=alice)
        yield SimpleNamespace(
            world=world,
            alice=alice,
            bob=actor_of(world.a.bob, world.a.tenant),
            budget=budget,
            reserve=lambda **changes: services.reserve(**{**_call(world), "estimate_micros": 400_000, **changes}),
            settle=lambda **changes: services.settle_usage(**{**_settled(world), **changes}),
        )


def _call(world: Any) -> dict[str, Any]:
    return {
        "call_id": ids.uuid7(),
        "workspace_id": world.a.workspace.id,
        "workflow": "itsm-triage",
        "model": "interlock-sandbox-1",
        "actor": services.Actor.system(world.a.tenant.id, "gateway"),
    }


def _settled(world: Any) -> dict[str, Any]:
    call = _call(world)
    del call["model"]
    usage = Usage("anthropic", "interlock-sandbox-1", tokens_in=1000, tokens_cached=100, tokens_out=200)
    return {**call, "run_id": ids.uuid7(), "ticket": "INC0010001", "usage": usage}
