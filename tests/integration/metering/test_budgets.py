"""Budgets refuse, and say so before anything is spent."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from controlplane.lib import clock, ids
from controlplane.lib.errors import Invalid
from metering import access, services
from metering.errors import BudgetExceeded, BudgetMissing, PriceUnknown
from metering.models import Budget, Reservation
from metering.types import BudgetKind, Lane, Period, Usage
from tenants.errors import PermissionMissing

NOON = datetime(2099, 11, 21, 12, 0, tzinfo=UTC)


def sums(books: SimpleNamespace) -> tuple[int, int]:
    with transaction.atomic():
        return Budget.objects.values_list("reserved_micros", "spent_micros").get(pk=books.budget.pk)


def reserve(books: SimpleNamespace, **changes: object) -> None:
    with transaction.atomic():
        books.reserve(**changes)


def test_a_hold_that_fits_is_kept(books: SimpleNamespace) -> None:
    reserve(books)
    reserve(books, estimate_micros=600_000)
    assert sums(books) == (1_000_000, 0)


def test_a_hold_that_does_not_fit_is_refused_and_holds_nothing(books: SimpleNamespace) -> None:
    reserve(books, estimate_micros=600_001)
    with pytest.raises(BudgetExceeded, match="no room"):
        reserve(books, estimate_micros=400_000)
    assert sums(books) == (600_001, 0)
    with transaction.atomic():
        assert Reservation.objects.count() == 1


def test_without_a_budget_for_the_tenant_nothing_may_be_spent(books: SimpleNamespace) -> None:
    with transaction.atomic():
        Budget.objects.filter(pk=books.budget.pk).update(kind=BudgetKind.MODEL, value="interlock-sandbox-1")
    with pytest.raises(BudgetMissing):
        reserve(books, estimate_micros=0)


def test_an_unknown_price_is_refused(books: SimpleNamespace) -> None:
    with pytest.raises(PriceUnknown):
        reserve(books, estimate_micros=None)
    assert sums(books) == (0, 0)


def test_the_budget_of_another_tenant_does_not_count(books: SimpleNamespace, elsewhere: Callable[..., Any]) -> None:
    b = books.world.b
    other = {"workspace_id": b.workspace.id, "actor": services.Actor.system(b.tenant.id, "gateway")}
    with elsewhere(b.tenant), pytest.raises(BudgetMissing), transaction.atomic():
        books.reserve(**other)


@pytest.mark.parametrize(
    ("kind", "value"), [(BudgetKind.WORKFLOW, "itsm-triage"), (BudgetKind.MODEL, "interlock-sandbox-1")]
)
def test_the_tightest_budget_refuses_and_no_other_keeps_the_hold(
    books: SimpleNamespace, kind: BudgetKind, value: str
) -> None:
    services.set_budget(kind=kind, value=value, period=Period.MONTH, limit_micros=100, actor=books.alice)
    with transaction.atomic():
        with pytest.raises(BudgetExceeded, match=value):
            books.reserve(estimate_micros=101)
        assert sums(books) == (0, 0)
    reserve(books, estimate_micros=101, workflow="other", model="other")
    assert sums(books) == (101, 0)


def test_compensation_is_charged_but_never_refused(books: SimpleNamespace) -> None:
    reserve(books, estimate_micros=1_000_000)
    reserve(books, estimate_micros=5, lane=Lane.COMPENSATION)
    assert sums(books) == (1_000_005, 0)
    with pytest.raises(BudgetExceeded):
        reserve(books, estimate_micros=0)


def test_a_call_that_costs_nothing_takes_no_lock(books: SimpleNamespace) -> None:
    with CaptureQueriesContext(connection) as seen:
        reserve(books, estimate_micros=0)
    assert not [query for query in seen.captured_queries if query["sql"].startswith(("UPDATE", "INSERT"))]
    reserve(books, estimate_micros=1_000_000)
    reserve(books, estimate_micros=0)
    assert sums(books) == (1_000_000, 0)


def test_a_call_holds_once_however_often_it_asks(books: SimpleNamespace) -> None:
    call_id = ids.uuid7()
    reserve(books, call_id=call_id)
    reserve(books, call_id=call_id)
    assert sums(books) == (400_000, 0)


def test_release_gives_back_what_was_held(books: SimpleNamespace) -> None:
    call_id = ids.uuid7()
    reserve(books, call_id=call_id)
    for _ in range(2):
        with transaction.atomic():
            services.release(call_id=call_id)
    assert sums(books) == (0, 0)


def test_settling_turns_the_hold_into_what_it_cost(books: SimpleNamespace) -> None:
    call_id = ids.uuid7()
    reserve(books, call_id=call_id)
    with transaction.atomic():
        cost = books.settle(call_id=call_id)
    assert (cost.micros, cost.known) == (900 + 10 + 1000, True)
    assert sums(books) == (0, 1910)


def test_settling_the_same_attempt_twice_books_once(books: SimpleNamespace) -> None:
    call_id = ids.uuid7()
    for _ in range(2):
        with transaction.atomic():
            assert books.settle(call_id=call_id).micros == 1910
    assert sums(books) == (0, 1910)
    with transaction.atomic():
        books.settle(call_id=call_id, attempt=2)
    assert sums(books) == (0, 3820)


def test_an_unknown_cost_spends_what_was_held(books: SimpleNamespace) -> None:
    call_id = ids.uuid7()
    reserve(books, call_id=call_id, model="nobody-knows")
    with transaction.atomic():
        cost = books.settle(call_id=call_id, usage=Usage("anthropic", "nobody-knows", tokens_in=10))
    assert not cost.known
    assert sums(books) == (0, 400_000)


def test_a_new_day_starts_from_zero_and_keeps_what_is_held(books: SimpleNamespace) -> None:
    call_id = ids.uuid7()
    with clock.frozen(NOON):
        reserve(books, estimate_micros=300_000, call_id=call_id)
        with transaction.atomic():
            books.settle(usage=Usage("anthropic", "interlock-sandbox-1", tokens_in=600_000))
        with pytest.raises(BudgetExceeded):
            reserve(books, estimate_micros=200_000)
    with clock.frozen(NOON + timedelta(days=1)):
        with transaction.atomic():
            assert access.budgets(books.alice)[0].remaining_micros == 700_000
        reserve(books, estimate_micros=700_000)
        assert sums(books) == (1_000_000, 0)
        with transaction.atomic():
            books.settle(call_id=call_id)
        assert sums(books) == (700_000, 1910)


def test_a_clock_behind_midnight_does_not_reset_the_window(books: SimpleNamespace) -> None:
    with clock.frozen(NOON + timedelta(days=1)), transaction.atomic():
        books.settle()
    with clock.frozen(NOON), transaction.atomic():
        books.settle()
    assert sums(books) == (0, 3820)


def test_a_lower_limit_keeps_what_is_spent(books: SimpleNamespace) -> None:
    reserve(books)
    services.set_budget(kind=BudgetKind.TENANT, value="", period=Period.DAY, limit_micros=400_000, actor=books.alice)
    assert sums(books) == (400_000, 0)
    with pytest.raises(BudgetExceeded):
        reserve(books, estimate_micros=1)


def test_who_may_not_manage_budgets_changes_none(books: SimpleNamespace) -> None:
    with pytest.raises(PermissionMissing):
        services.set_budget(
            kind=BudgetKind.TENANT, value="", period=Period.DAY, limit_micros=9_000_000, actor=books.bob
        )
    with transaction.atomic():
        assert Budget.objects.get().limit_micros == 1_000_000


@pytest.mark.parametrize(
    ("kind", "value", "limit"),
    [(BudgetKind.TENANT, "x", 1), (BudgetKind.MODEL, "", 1), (BudgetKind.TENANT, "", -1)],
)
def test_a_budget_that_makes_no_sense_is_refused(
    books: SimpleNamespace, kind: BudgetKind, value: str, limit: int
) -> None:
    with pytest.raises(Invalid):
        services.set_budget(kind=kind, value=value, period=Period.DAY, limit_micros=limit, actor=books.alice)


def test_the_database_refuses_a_budget_below_zero(books: SimpleNamespace) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Budget.objects.update(reserved_micros=-1)


def test_the_application_cannot_write_list_prices(books: SimpleNamespace) -> None:
    with pytest.raises(Exception, match="permission denied"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE metering_modelprice SET input_per_mtok = 0")
