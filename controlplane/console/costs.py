"""What it costs: spend against budget, per day, per model, per ticket. Reads rollups only."""

from typing import Any

from controlplane.console import charts
from controlplane.console.pages import Page
from controlplane.console.templatetags.console import usd
from metering import access

DAYS = 30


class Costs(Page):
    template_name = "console/costs.html"
    here = "costs"

    def context(self) -> dict[str, Any]:
        page = access.cost_page(self.actor, days=DAYS)
        daily = [line.limit_micros for line in page.budgets if (line.kind, line.period) == ("tenant", "day")]
        points = [(day.name, day.micros, f"{day.name}: {usd(day.micros)}") for day in page.by_day]
        return {
            "days": DAYS,
            "page": page,
            "chart": charts.bars(points, limit=next(iter(daily), None)),
            "budgets": [(line, share(line.spent_micros, line.limit_micros)) for line in page.budgets],
            "dearest": access.tickets(self.actor, days=DAYS),
        }


def share(part: int, whole: int) -> int:
    """Per cent, whole, at most 100; a limit of nothing is used up."""
    return 100 if whole <= 0 else min(100, 100 * part // whole)
