"""Budgets and prices in the admin: saved by their verbs, or not at all."""

from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from metering.models import Budget, TenantPrice
from tenants import scope

BUDGET = {"kind": "tenant", "value": "", "period": "day", "limit_micros": "5000000"}
PRICE = {
    "provider": "anthropic",
    "model": "interlock-sandbox-1",
    "above_tokens": "0",
    "input_per_mtok": "1",
    "output_per_mtok": "5",
    "per_call": "0",
    "source": "contract",
}


@pytest.fixture
def admin(world: Any, client: Client) -> Client:
    client.force_login(world.a.alice)
    return client


def rows(world: Any, model: Any) -> list[Any]:
    with scope.enter(world.a.tenant.id), transaction.atomic():
        return list(model.objects.order_by("id"))


def test_a_budget_is_set_and_its_limit_changed(admin: Client, world: Any) -> None:
    assert admin.post("/o/a/admin/metering/budget/add/", BUDGET).status_code == 302
    [budget] = rows(world, Budget)
    assert budget.set_by == world.a.alice.id
    change = {**BUDGET, "kind": "model", "value": "x", "limit_micros": "7"}
    assert admin.post(f"/o/a/admin/metering/budget/{budget.pk}/change/", change).status_code == 302
    assert [(b.pk, b.kind, b.limit_micros) for b in rows(world, Budget)] == [(budget.pk, "tenant", 7)]


def test_a_price_is_set_and_the_one_before_closed(admin: Client, world: Any) -> None:
    for _ in range(2):
        assert admin.post("/o/a/admin/metering/tenantprice/add/", PRICE).status_code == 302
    assert [price.valid_to is None for price in rows(world, TenantPrice)] == [False, True]


def test_a_budget_that_makes_no_sense_is_shown_back(admin: Client, world: Any) -> None:
    response = admin.post("/o/a/admin/metering/budget/add/", {**BUDGET, "value": "x"})
    assert response.status_code == 200
    assert rows(world, Budget) == []


def test_an_approver_sets_no_budget(client: Client, world: Any) -> None:
    client.force_login(world.a.bob)
    assert client.post("/o/a/admin/metering/budget/add/", BUDGET).status_code == 403
    assert rows(world, Budget) == []


@pytest.mark.parametrize(
    "page", ["budget", "tenantprice", "modelprice", "dailyrollup", "ticketcost", "usagerow", "humantime"]
)
def test_the_books_can_be_read(admin: Client, page: str) -> None:
    assert admin.get(f"/o/a/admin/metering/{page}/").status_code == 200
