"""Budgets, prices and costs over the API."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from metering.models import Budget, TenantPrice
from tenants import scope

BUDGET = {"kind": "tenant", "period": "day", "limit_micros": 5_000_000}
PRICE = {"provider": "anthropic", "model": "interlock-sandbox-1", "input": "1", "output": "5.5", "source": "contract"}


def count(world: SimpleNamespace, model: Any) -> int:
    with scope.enter(world.a.tenant.id), transaction.atomic():
        return int(model.objects.count())


def test_a_budget_is_set_once_per_key_and_shown(
    client: Client, world: SimpleNamespace, token: Callable[..., Any], post: Callable[..., Any]
) -> None:
    headers = {**token(world.a.alice), "Idempotency-Key": "b-1"}
    first, again = (post("/v1/budgets", BUDGET, headers) for _ in range(2))
    assert (first.status_code, first.json(), again["Idempotent-Replayed"]) == (200, again.json(), "true")
    [line] = client.get("/v1/budgets", headers=headers).json()["results"]
    assert (line["limit_micros"], line["remaining_micros"], line["kind"]) == (5_000_000, 5_000_000, "tenant")
    assert client.get("/v1/costs", headers=headers).json()["budgets"] == [line]


def test_a_price_is_exact_decimal_text(
    world: SimpleNamespace, token: Callable[..., Any], post: Callable[..., Any]
) -> None:
    answer = post("/v1/prices", PRICE, token(world.a.alice))
    assert (answer.status_code, answer.json()["output"]) == (201, "5.50000000")
    assert count(world, TenantPrice) == 1


@pytest.mark.parametrize(
    ("path", "body", "model"),
    [("/v1/budgets", BUDGET, Budget), ("/v1/prices", PRICE, TenantPrice)],
)
def test_without_the_permission_nothing_is_set(
    world: SimpleNamespace, token: Callable[..., Any], post: Callable[..., Any], path: str, body: Any, model: Any
) -> None:
    for headers in (token(world.a.bob), token(world.a.alice, scopes=("view",))):
        answer = post(path, body, headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "permission_missing")
    assert count(world, model) == 0


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/budgets", {**BUDGET, "limit_micros": -1}),
        ("/v1/budgets", {**BUDGET, "kind": "moon"}),
        ("/v1/prices", {**PRICE, "input": "-1"}),
        ("/v1/prices", {**PRICE, "input": "NaN"}),
        ("/v1/prices", {**PRICE, "source": ""}),
    ],
)
def test_what_is_not_money_is_refused(
    world: SimpleNamespace, token: Callable[..., Any], post: Callable[..., Any], path: str, body: Any
) -> None:
    answer = post(path, body, token(world.a.alice))
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    assert (count(world, Budget), count(world, TenantPrice)) == (0, 0)


def test_costs_need_a_sensible_span(client: Client, world: SimpleNamespace, token: Callable[..., Any]) -> None:
    headers = token(world.a.bob)
    assert client.get("/v1/costs/tickets?days=7", headers=headers).json()["results"] == []
    assert client.get("/v1/costs?days=0", headers=headers).json()["code"] == "invalid"


def test_costs_of_others_stay_theirs(
    client: Client, world: SimpleNamespace, token: Callable[..., Any], post: Callable[..., Any]
) -> None:
    post("/v1/budgets", BUDGET, token(world.a.alice))
    assert client.get("/v1/budgets", headers=token(world.charlie, world.b)).json()["results"] == []
