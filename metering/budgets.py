"""The arithmetic of budgets, done by the database.

Each change is one conditional UPDATE of one row. A second writer waits for the first and PostgreSQL checks
the condition again on what the first left behind, so no number of racing calls gets past a limit. Rows are
always taken in order of their id.
"""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db.models import BigIntegerField, Case, Expression, F, Value, When
from django.db.models.functions import Greatest

from metering.errors import BudgetExceeded, BudgetMissing
from metering.models import Budget, Reservation
from metering.money import show
from metering.pricing import window_start
from metering.types import BudgetKind, Period
from tenants import quick


def covering(*, workflow: str, model: str | None) -> list[Budget]:
    """Every budget that a call of this workflow with this model is charged to, in locking order."""
    named = {(BudgetKind.TENANT.value, ""), (BudgetKind.WORKFLOW.value, workflow)}
    if model:
        named.add((BudgetKind.MODEL.value, model))
    found = quick.find(Budget, kind=sorted({kind for kind, _ in named}), value=sorted({value for _, value in named}))
    return sorted((budget for budget in found if (budget.kind, budget.value) in named), key=lambda budget: budget.pk)


def require_tenant_budget(budgets: Iterable[Budget]) -> None:
    """No budget for the tenant means nothing was allowed to be spent, not that anything was."""
    if not any(budget.kind == BudgetKind.TENANT for budget in budgets):
        raise BudgetMissing("set a budget for the tenant first")


def hold(budget: Budget, *, call_id: UUID, micros: int, at: datetime, enforce: bool) -> None:
    """Set micro-USD aside for a call; raises BudgetExceeded when they do not fit and `enforce` is set.

    A call that costs nothing holds nothing and takes no lock; a budget that is overspent refuses it all the same.
    """
    if not micros:
        if enforce and remaining(budget, at) < 0:
            raise _refusal(budget, micros)
        return
    start = window_start(Period(budget.period), at)
    spent = _spent_in(start)
    rows = Budget.objects.filter(pk=budget.pk)
    if enforce:
        rows = rows.filter(limit_micros__gte=spent + F("reserved_micros") + Value(micros))
    changed = rows.update(
        spent_micros=spent,
        window_start=_later(start),
        reserved_micros=F("reserved_micros") + micros,
    )
    if not changed:
        raise _refusal(budget, micros)
    Reservation.objects.create(call_id=call_id, budget=budget, micros=micros)


def charge(budget: Budget, *, micros: int, held: int, at: datetime) -> None:
    """Turn what was held into what was spent; spending past the limit is recorded, the next hold refuses."""
    if not micros and not held:
        return
    start = window_start(Period(budget.period), at)
    Budget.objects.filter(pk=budget.pk).update(
        spent_micros=_spent_in(start) + Value(micros),
        window_start=_later(start),
        reserved_micros=F("reserved_micros") - held,
    )


def remaining(budget: Budget, at: datetime) -> int:
    """Micro-USD that a new call may still hold; below zero once more was spent than allowed."""
    fresh = budget.window_start < window_start(Period(budget.period), at)
    return budget.limit_micros - budget.reserved_micros - (0 if fresh else budget.spent_micros)


def _spent_in(start: datetime) -> Expression:
    """What is spent in the window that begins at `start`: nothing yet if the row tells of an older one."""
    return Case(When(window_start__lt=start, then=Value(0)), default=F("spent_micros"), output_field=BigIntegerField())


def _later(start: datetime) -> Expression:
    """Windows only move forward, also for a writer whose clock is behind at midnight."""
    return Greatest(F("window_start"), Value(start))


def _refusal(budget: Budget, micros: int) -> BudgetExceeded:
    room = f"the budget “{budget}” of {show(budget.limit_micros)} has no room for another {show(micros)}"
    return BudgetExceeded(room, budget=str(budget), estimate_micros=micros)
