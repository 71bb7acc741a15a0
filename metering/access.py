"""What a person may read about cost: rollups, and the sums of named runs. Foreign and missing look the same."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import chain
from uuid import UUID

from django.db.models import Aggregate, Count, F, Q, QuerySet, Sum

from controlplane.lib import clock
from metering import budgets as arithmetic
from metering.models import Budget, DailyRollup, HumanTime, TicketCost, UsageRow
from metering.pricing import window_start
from metering.types import Period
from tenants.access import workspace_ids
from tenants.actors import Actor
from tenants.permissions import Perm, require


@dataclass(frozen=True)
class BudgetLine:
    """A budget against what its present window has spent and holds (micro-USD)."""

    id: UUID
    kind: str
    value: str
    period: str
    limit_micros: int
    spent_micros: int
    reserved_micros: int
    remaining_micros: int
    window_start: datetime


@dataclass(frozen=True)
class SpendLine:
    """Spend of one model, workflow or day. `complete` False: at least one entry is unknown or estimated."""

    name: str
    micros: int
    calls: int
    tokens_in: int
    tokens_out: int
    human_seconds: int
    complete: bool


@dataclass(frozen=True)
class TicketFigures:
    """Cost per ticket over a time. `complete`: how many of the tickets have full coverage."""

    count: int
    median_micros: int
    p95_micros: int
    total_micros: int
    complete: int


@dataclass(frozen=True)
class CostPage:
    """Everything the cost page shows, from `since` (inclusive) to now."""

    since: date
    budgets: list[BudgetLine]
    by_model: list[SpendLine]
    by_workflow: list[SpendLine]
    by_day: list[SpendLine]
    tickets: TicketFigures


def cost_page(actor: Actor, *, days: int = 30) -> CostPage:
    """Spend, budgets and cost per ticket of the workspaces whose costs the actor may see."""
    workspaces = workspace_ids(actor, Perm.VIEW_COSTS)
    since = (clock.now() - timedelta(days=days - 1)).date()
    rows = DailyRollup.objects.filter(workspace_id__in=workspaces, day__gte=since)
    return CostPage(
        since=since,
        budgets=budgets(actor),
        by_model=_spend(rows, "provider", "model"),
        by_workflow=_spend(rows, "workflow"),
        by_day=sorted(_spend(rows, "day"), key=lambda line: line.name),
        tickets=_figures(workspaces, since),
    )


def budgets(actor: Actor) -> list[BudgetLine]:
    """Every budget of the tenant, the tenant's own first."""
    require(actor, Perm.VIEW_COSTS)
    now = clock.now()
    return sorted((_line(b, now) for b in Budget.objects.all()), key=lambda line: (line.value, line.period))


def tickets(actor: Actor, *, days: int = 30, limit: int = 50) -> list[TicketCost]:
    """The dearest tickets, dearest first."""
    since = (clock.now() - timedelta(days=days - 1)).date()
    return list(_tickets(workspace_ids(actor, Perm.VIEW_COSTS), since).order_by(_TOTAL.desc(), "id")[:limit])


def ticket_cost(actor: Actor, *, workspace_id: UUID, ticket: str) -> TicketCost | None:
    """What one ticket has cost so far; None when nothing was booked or it is not theirs to see."""
    if workspace_id not in workspace_ids(actor, Perm.VIEW_COSTS):
        return None
    return TicketCost.objects.filter(workspace_id=workspace_id, ticket=ticket).first()


def of_runs(actor: Actor, run_ids: Collection[UUID]) -> dict[UUID, int]:
    """Micro-USD that are known so far, of those of the runs whose costs the actor may see. Two queries."""
    mine = {"run_id__in": run_ids, "workspace_id__in": workspace_ids(actor, Perm.VIEW_COSTS)}
    booked = [
        rows.filter(**mine).values_list("run_id").annotate(micros=Sum("cost_micros"))
        for rows in (UsageRow.objects, HumanTime.objects)
    ]
    sums: dict[UUID, int] = {}
    for run_id, micros in chain.from_iterable(booked):
        sums[run_id] = sums.get(run_id, 0) + (micros or 0)
    return sums


class _Percentile(Aggregate):
    """PostgreSQL's `percentile_disc`: the smallest value that this share of the rows does not pass."""

    function = "PERCENTILE_DISC"
    template = "%(function)s(%(share)s) WITHIN GROUP (ORDER BY %(expressions)s)"


_TOTAL = F("model_micros") + F("tool_micros") + F("human_micros")


def _spend(rows: QuerySet[DailyRollup], *by: str) -> list[SpendLine]:
    sums = rows.values(*by).annotate(
        total=Sum(_TOTAL),
        all_calls=Sum("calls"),
        all_in=Sum("tokens_in"),
        all_out=Sum("tokens_out"),
        all_seconds=Sum("human_seconds"),
        doubtful=Sum(F("unknown") + F("estimated")),
    )
    return [
        SpendLine(
            name="/".join(str(row[column]) for column in by if row[column]),
            micros=row["total"],
            calls=row["all_calls"],
            tokens_in=row["all_in"],
            tokens_out=row["all_out"],
            human_seconds=row["all_seconds"],
            complete=row["doubtful"] == 0,
        )
        for row in sums.order_by("-total", *by)
    ]


def _tickets(workspaces: list[UUID], since: date) -> QuerySet[TicketCost]:
    start = datetime.combine(since, time(), UTC)
    rows = TicketCost.objects.filter(workspace_id__in=workspaces, last_at__gte=start)
    return rows.annotate(total=_TOTAL)


def _figures(workspaces: list[UUID], since: date) -> TicketFigures:
    sums = _tickets(workspaces, since).aggregate(
        count=Count("pk"),
        median=_Percentile("total", share="0.5"),
        p95=_Percentile("total", share="0.95"),
        sum=Sum("total"),
        complete=Count("pk", filter=Q(unknown=0, estimated=0)),
    )
    return TicketFigures(
        count=sums["count"],
        median_micros=sums["median"] or 0,
        p95_micros=sums["p95"] or 0,
        total_micros=sums["sum"] or 0,
        complete=sums["complete"],
    )


def _line(budget: Budget, now: datetime) -> BudgetLine:
    start = window_start(Period(budget.period), now)
    return BudgetLine(
        id=budget.pk,
        kind=budget.kind,
        value=budget.value,
        period=budget.period,
        limit_micros=budget.limit_micros,
        spent_micros=budget.spent_micros if budget.window_start >= start else 0,
        reserved_micros=budget.reserved_micros,
        remaining_micros=arithmetic.remaining(budget, now),
        window_start=max(start, budget.window_start),
    )
