"""Which runs are bad, and for one run: where did it stop, why, what did it write."""

from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase

from connectors import access as connectors
from controlplane.console import charts, diagnosis, graph, handling, timeline, writes
from controlplane.console.pages import PAGE, Page, older
from controlplane.console.statuses import status
from controlplane.lib import clock
from evidence import access as evidence
from metering import access as costs
from metering import services as metering
from policies import access as policies
from tenants.permissions import holds
from tenants.roles import Perm
from workflows import access
from workflows.models import Run, Step
from workflows.types import CLOSED_RUN_STATES, RunState

COUNT_CAP = 1_000
EVENTS = 200


class Runs(Page):
    template_name = "console/runs.html"
    here = "runs"
    filters = {"state": frozenset(RunState), "workflow": None, "q": None}

    def context(self) -> dict[str, Any]:
        states, workflow, text = self.query.values("state"), self.query.first("workflow"), self.query.first("q")
        rows = access.runs(self.actor, states=states, workflow=workflow, text=text, before=self.cursor, limit=PAGE)
        spent = costs.of_runs(self.actor, [run.id for run in rows])
        return {
            "rows": [(run, diagnosis.current(list(run.steps.all())), took(run), spent.get(run.id)) for run in rows],
            "counted": access.count_runs(self.actor, states=states, workflow=workflow, text=text, cap=COUNT_CAP),
            "cap": COUNT_CAP,
            "chosen_states": states,
            "chosen_workflow": workflow,
            "chosen_text": text,
            "older": older(self.query, rows[-1].id if len(rows) == PAGE else None),
            "states": list(RunState),
            "workflows": access.workflow_names(self.actor),
        }


def took(run: Run) -> float:
    """Seconds from arrival to the end, or so far."""
    return ((run.closed_at or clock.now()) - run.received_at).total_seconds()


class RunDetail(Page):
    """POST calls one of the verbs of `handling`."""

    template_name = "console/run.html"
    here = "runs"
    filters = {"tab": frozenset({"timeline", "graph", "calls", "decisions", "evidence"}), "after": None}

    def context(self) -> dict[str, Any]:
        run = access.access_run(self.actor, self.row_id)
        tab = self.query.first("tab") or "timeline"
        operates = holds(self.actor, Perm.OPERATE, run.workspace_id, run.environment_id)
        offered = handling.offered(run, list(run.steps.all())) if operates else {}
        by_hand = access.runbook(self.actor, run)
        return {**frame(run), **offered, "runbook": by_hand, "tab": tab, "tabs": list(TABS), **TABS[tab](self, run)}

    def act(self, request: HttpRequest) -> HttpResponseBase:
        said = {name: str(value) for name, value in request.POST.items()}
        messages.success(request, handling.perform(said.get("action", ""), self.row_id, said, self.actor))
        return self.to("run", self.row_id)

    def timeline(self, run: Run) -> dict[str, Any]:
        wanted = self.query.first("after")
        after = int(wanted) if wanted.isdecimal() else 0
        events = evidence.run_events(self.actor, run.id, after=after, limit=EVENTS)
        drawn = charts.spans([span(step) for step in run.steps.all() if step.started_at])
        return {
            "lines": timeline.lines(events),
            "later": events[-1]["seq"] if len(events) == EVENTS else None,
            "spans": drawn,
            "spans_height": 20 * len(drawn) + 4,
        }

    def graph(self, run: Run) -> dict[str, Any]:
        return {"graph": graph.of(list(run.steps.all()))}

    def calls(self, run: Run) -> dict[str, Any]:
        calls = connectors.calls_of_run(self.actor, run.id)
        return {"calls": [writes.shown(call, connectors.images(self.actor, call)) for call in calls]}

    def decisions(self, run: Run) -> dict[str, Any]:
        return {"decisions": policies.decisions_for_run(self.actor, run.id)}

    def proof(self, run: Run) -> dict[str, Any]:
        return {"may_export": holds(self.actor, Perm.EXPORT_EVIDENCE, run.workspace_id)}


TABS = {
    "timeline": RunDetail.timeline,
    "graph": RunDetail.graph,
    "calls": RunDetail.calls,
    "decisions": RunDetail.decisions,
    "evidence": RunDetail.proof,
}


def frame(run: Run) -> dict[str, Any]:
    """What stands above every tab."""
    steps = list(run.steps.all())
    ended = run.state in CLOSED_RUN_STATES
    return {
        "run": run,
        "steps": steps,
        "took": took(run),
        "ended": ended,
        "diagnosis": diagnosis.sentence(run, steps),
        "cost": metering.run_cost(run.id),
    }


def span(step: Step) -> tuple[str, int, int, str]:
    started, ended = step.started_at or step.created_at, step.finished_at or clock.now()
    words = f"{step.key}: {status(step.state).word}, {(ended - started).total_seconds():.1f} s"
    return words, _ms(started), _ms(ended), status(step.state).tone


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)
