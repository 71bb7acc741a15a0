"""The landing page: is it on fire, and what needs me?"""

from typing import Any

from approvals import access as approvals
from connectors import access as connectors
from controlplane.console import diagnosis
from controlplane.console.costs import share
from controlplane.console.pages import Page
from metering import access as costs
from tenants import halts
from tenants.roles import Perm
from workflows import access as workflows
from workflows.types import RunState

FEW = 8
TROUBLE = (RunState.NEEDS_ATTENTION, RunState.FAILED, RunState.COMPENSATING)
COUNT_CAP = 1_000


class Now(Page):
    template_name = "console/now.html"
    here = "now"

    def context(self) -> dict[str, Any]:
        instances = connectors.health(self.actor)
        attention = workflows.count_runs(self.actor, states=[RunState.NEEDS_ATTENTION], cap=COUNT_CAP)
        failing = workflows.runs(self.actor, states=TROUBLE, limit=FEW)
        return {
            "sentence": sentence(stopped=len(halts.every_active()), attention=attention, instances=instances),
            "waiting": approvals.queue(self.actor, "mine", limit=FEW),
            "failing": [(run, diagnosis.sentence(run, list(run.steps.all()))) for run in failing],
            "dead": workflows.count_dead_letters(self.actor, cap=COUNT_CAP),
            "doubts": connectors.reconcile_tasks(self.actor, limit=FEW),
            "doubted": connectors.count_reconcile_tasks(self.actor, cap=COUNT_CAP),
            "cap": COUNT_CAP,
            "budgets": self._budgets(),
            "instances": instances,
        }

    def _budgets(self) -> list[tuple[Any, int]]:
        if not self.may(Perm.VIEW_COSTS):
            return []
        return [(line, share(line.spent_micros, line.limit_micros)) for line in costs.budgets(self.actor)[:FEW]]


def sentence(*, stopped: int, attention: int, instances: list[Any]) -> str:
    """`2 connectors degraded, 1 run needs a person, writes allowed.`"""
    sick = sum(each.state in ("DEGRADED", "DOWN") for each in instances)
    parts = [
        f"{many(sick, 'connector')} in trouble" if sick else "",
        f"{many(attention, 'run')} waiting for a person's hand" if attention else "",
        f"{many(stopped, 'kill switch', 'kill switches')} on" if stopped else "writes allowed",
    ]
    told = ", ".join(part for part in parts if part)
    return told[:1].upper() + told[1:] + "."


def many(count: int, one: str, more: str = "") -> str:
    return f"{count} {one if count == 1 else more or one + 's'}"
