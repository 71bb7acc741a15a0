"""What halt triggers see of budgets: how much of each is used."""

from datetime import datetime

from django.db import transaction

from controlplane.lib import clock
from metering.budgets import remaining
from metering.models import Budget
from metering.money import show
from metering.types import BudgetKind
from tenants.readings import Reading, Watch


@transaction.atomic
def budget_use(watch: Watch, *, since: datetime) -> list[Reading]:  # noqa: ARG001 - a budget has its own window
    """Percent of each budget that is spent or held in its current window."""
    rows = Budget.objects.filter(limit_micros__gt=0)
    if watch.kind:
        rows = rows.filter(kind=watch.kind)
    if watch.value:
        rows = rows.filter(value=watch.value)
    return [_reading(budget) for budget in rows]


def _reading(budget: Budget) -> Reading:
    """A budget of a model is no scope of a halt: it stops the tenant."""
    used = budget.limit_micros - remaining(budget, clock.now())
    is_workflow = budget.kind == BudgetKind.WORKFLOW
    named = " ".join(part for part in (budget.kind, budget.value) if part)
    words = f"{show(used)} of {show(budget.limit_micros)} used of the {budget.period} budget of {named}"
    kind, value = ("workflow", budget.value) if is_workflow else ("tenant", "")
    return Reading(kind, value, 100 * used // budget.limit_micros, words)
