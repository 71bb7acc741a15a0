"""What a run and a ticket cost, who may read it, and when the figure is not complete."""

from datetime import timedelta
from decimal import Decimal
from types import SimpleNamespace

import pytest
from django.db import transaction

from controlplane.lib import clock, ids
from controlplane.lib.errors import Invalid
from metering import access, prices, services
from metering.models import ModelPrice, TenantPrice, UsageRow
from metering.types import HUMAN, CostOfRun, Rate, Usage
from tenants.errors import PermissionMissing

FREE = Rate(Decimal(0), Decimal(0))
TOOL = Usage("servicenow", tool_calls=1)


def price(books: SimpleNamespace, provider: str, model: str, rate: Rate) -> TenantPrice:
    return services.set_price(provider=provider, model=model, rate=rate, source="contract", actor=books.alice)


def human(books: SimpleNamespace, run_id: object, seconds: int = 90, **changes: object) -> None:
    with transaction.atomic():
        services.record_human(
            **{
                "run_id": run_id,
                "request_id": ids.uuid7(),
                "seconds": seconds,
                "actor": books.bob,
                "workspace_id": books.world.a.workspace.id,
                "ticket": "INC0010001",
                **changes,
            }
        )


def settle(books: SimpleNamespace, **changes: object) -> None:
    with transaction.atomic():
        books.settle(**changes)


def test_the_cost_of_a_run_is_model_tools_and_people(books: SimpleNamespace) -> None:
    run_id = ids.uuid7()
    price(books, "servicenow", "", Rate(Decimal(0), Decimal(0), per_call=Decimal("0.002")))
    price(books, HUMAN, "", Rate(Decimal(0), Decimal(0), per_call=Decimal(1)))
    settle(books, run_id=run_id)
    settle(books, run_id=run_id, usage=TOOL)
    human(books, run_id)
    with transaction.atomic():
        cost = services.run_cost(run_id)
    assert cost == CostOfRun(1910 + 2000 + 1_500_000, 1910, 2000, 1_500_000, complete=True)


def test_a_run_without_any_call_costs_nothing_and_that_is_known(books: SimpleNamespace) -> None:
    with transaction.atomic():
        assert services.run_cost(ids.uuid7()) == CostOfRun(0, 0, 0, 0, complete=True)


def test_a_tool_without_a_price_is_unknown_and_not_free(books: SimpleNamespace) -> None:
    run_id = ids.uuid7()
    settle(books, run_id=run_id, usage=TOOL)
    with transaction.atomic():
        assert UsageRow.objects.get().cost_micros is None
        assert not services.run_cost(run_id).complete
    price(books, "servicenow", "", FREE)
    other = ids.uuid7()
    settle(books, run_id=other, usage=TOOL)
    with transaction.atomic():
        assert services.run_cost(other) == CostOfRun(0, 0, 0, 0, complete=True)


def test_a_time_that_is_the_most_it_can_have_been_is_complete(books: SimpleNamespace) -> None:
    run_id = ids.uuid7()
    price(books, HUMAN, "", Rate(Decimal(0), Decimal(0), per_call=Decimal(1)))
    human(books, run_id, measured=False)
    with transaction.atomic():
        assert services.run_cost(run_id) == CostOfRun(1_500_000, 0, 0, 1_500_000, complete=True)
        assert access.cost_page(books.alice).tickets.complete == 1


@pytest.mark.parametrize("doubt", ["no minute rate", "estimated tokens"])
def test_what_is_not_known_lowers_the_coverage(books: SimpleNamespace, doubt: str) -> None:
    run_id = ids.uuid7()
    if doubt == "estimated tokens":
        settle(books, run_id=run_id, usage=Usage("anthropic", "interlock-sandbox-1", tokens_in=1, estimated=True))
    else:
        human(books, run_id)
    with transaction.atomic():
        assert not services.run_cost(run_id).complete
        assert access.cost_page(books.alice).tickets.complete == 0


def test_one_person_is_booked_once_per_request(books: SimpleNamespace) -> None:
    request_id, run_id = ids.uuid7(), ids.uuid7()
    human(books, run_id, request_id=request_id)
    human(books, run_id, request_id=request_id, seconds=9000)
    with transaction.atomic():
        page = access.cost_page(books.alice)
    assert [line.human_seconds for line in page.by_model if line.name == HUMAN] == [90]


def test_the_cost_page_adds_up(books: SimpleNamespace) -> None:
    for number in range(20):
        settle(
            books, ticket=f"INC{number}", usage=Usage("anthropic", "interlock-sandbox-1", tokens_in=100 * (number + 1))
        )
    settle(books, ticket="INC0", usage=Usage("anthropic", "interlock-sandbox-1", tokens_in=1_000_000))
    with transaction.atomic():
        page = access.cost_page(books.alice)
        dearest = access.tickets(books.alice, limit=1)
    assert page.tickets.count == page.tickets.complete == 20
    assert (page.tickets.median_micros, page.tickets.p95_micros) == (1100, 2000)
    assert page.tickets.total_micros == 1_000_000 + sum(100 * n for n in range(1, 21))
    assert [(line.name, line.calls) for line in page.by_model] == [("anthropic/interlock-sandbox-1", 21)]
    assert page.by_workflow[0].micros == page.by_day[0].micros == page.tickets.total_micros
    assert (dearest[0].ticket, dearest[0].micros) == ("INC0", 1_000_100)
    assert page.budgets[0].spent_micros == page.tickets.total_micros


def test_old_days_are_outside_the_page(books: SimpleNamespace) -> None:
    with clock.frozen(clock.now() - timedelta(days=40)):
        price(books, "servicenow", "", FREE)
        settle(books, usage=TOOL, ticket="OLD")
    with transaction.atomic():
        page = access.cost_page(books.alice, days=30)
    assert page.tickets.count == 0
    assert page.by_day == []


def test_a_stranger_sees_no_cost(books: SimpleNamespace, actor_of: object) -> None:
    settle(books)
    charlie = actor_of(books.world.charlie, books.world.a.tenant)  # type: ignore[operator]
    with transaction.atomic():
        assert access.tickets(charlie) == []
        where = {"workspace_id": books.world.a.workspace.id, "ticket": "INC0010001"}
        assert access.ticket_cost(charlie, **where) is None
        assert access.ticket_cost(books.alice, **where) is not None
        with pytest.raises(PermissionMissing):
            access.budgets(charlie)


def test_a_new_price_counts_from_now_on(books: SimpleNamespace) -> None:
    before = books.settle
    with transaction.atomic():
        assert before().micros == 1910
    price(books, "anthropic", "interlock-sandbox-1", Rate(Decimal(2), Decimal(10)))
    with transaction.atomic():
        assert books.settle().micros == 2000 + 2000
        assert list(TenantPrice.objects.order_by("id").values_list("valid_to", flat=True))[-1] is None


@pytest.mark.parametrize("rate", [Rate(Decimal(-1), Decimal(0)), Rate(Decimal(0), Decimal(0), cached=Decimal(-1))])
def test_a_price_below_zero_is_refused(books: SimpleNamespace, rate: Rate) -> None:
    with pytest.raises(Invalid):
        price(books, "anthropic", "x", rate)


def test_a_person_without_the_right_sets_no_price(books: SimpleNamespace) -> None:
    with pytest.raises(PermissionMissing):
        services.set_price(provider="anthropic", model="x", rate=FREE, source="x", actor=books.bob)


def test_list_prices_are_there_after_migration_and_the_tenants_own_go_first(books: SimpleNamespace) -> None:
    now = clock.now()
    with transaction.atomic():
        assert ModelPrice.objects.count() > 100
        listed = prices.rates_for("openai", "gpt-4.1-mini-2025-04-14", now)
        assert listed[0].input == Decimal("0.4")
        assert services.estimate(provider="openai", model="gpt-4.1-mini", tokens_in=1000, tokens_out=0).micros == 400
        assert not services.estimate(provider="openai", model="who", tokens_in=1, tokens_out=1).known
    price(books, "openai", "gpt-4.1-mini", FREE)
    with transaction.atomic():
        assert prices.rates_for("openai", "gpt-4.1-mini-2025-04-14", clock.now())[0].input == 0
