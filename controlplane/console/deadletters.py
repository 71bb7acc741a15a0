"""What was given up after every retry: by cause, one by one, put aside, or redriven as a job."""

from typing import Any, ClassVar

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase

from controlplane.console.checked import Checked
from controlplane.console.pages import PAGE, Page, older
from controlplane.console.querystate import Allowed
from controlplane.lib.errors import Invalid
from tenants.access import environments
from tenants.permissions import holds
from tenants.roles import Perm
from workflows import access, letters, redriving
from workflows.redrive_models import RedriveJob as JobRow
from workflows.types import DeadLetterState, RedriveState

MOVES = {
    "start": (RedriveState.RUNNING, "Started."),
    "pause": (RedriveState.PAUSED, "Paused: what is pending stands still."),
    "stop": (RedriveState.STOPPED, "Stopped: what is pending stays a dead letter."),
}
MAY_DO = {
    RedriveState.READY: (("start", "Start"), ("stop", "Drop it")),
    RedriveState.RUNNING: (("pause", "Pause"), ("stop", "Stop for good")),
    RedriveState.PAUSED: (("start", "Go on"), ("stop", "Stop for good")),
}
TABS = (("OPEN", "Open"), ("DISMISSED", "Dismissed"), ("REDRIVEN", "Redriven"))


class PlanForm(Checked):
    """The hidden fields name the group that the button stands beside."""

    workspace = forms.UUIDField()
    connector = forms.CharField(required=False, max_length=64)
    tool = forms.CharField(required=False, max_length=120)
    code = forms.CharField(max_length=80)
    per_minute = forms.IntegerField(min_value=1, max_value=redriving.MOST_PER_MINUTE)
    reason = forms.CharField(max_length=500)


class DeadLetters(Page):
    template_name = "console/dead_letters.html"
    here = "dead-letters"
    filters: ClassVar[Allowed] = {"state": frozenset(name for name, _ in TABS), "code": None}

    def context(self) -> dict[str, Any]:
        state = self.query.first("state") or DeadLetterState.OPEN.value
        code = self.query.first("code") or None
        rows = access.dead_letters(self.actor, state=state, code=code, before=self.cursor, limit=PAGE)
        operated = environments(self.actor, Perm.OPERATE)
        return {
            "letters": rows,
            "groups": access.letter_groups(self.actor),
            "jobs": access.redrive_jobs(self.actor, limit=5),
            "tabs": TABS,
            "state": state,
            "code": code,
            "operated": {place.pk for place in operated},
            "operated_in": {place.workspace_id for place in operated},
            "older": older(self.query, rows[-1].id if len(rows) == PAGE else None),
        }


class _Act(DeadLetters):
    """An action of the list; its address alone leads back to the list."""

    def get(self, request: HttpRequest, **_: Any) -> HttpResponseBase:
        return self.to("dead-letters")


class Redrive(_Act):
    """POST starts a new run with the same trigger: decided, approved and paid for again."""

    def act(self, request: HttpRequest) -> HttpResponseBase:
        run = letters.redrive(dead_letter_id=self.row_id, actor=self.actor)
        messages.success(request, "Redriven: this is the new run.")
        return self.to("run", run.id)


class Dismiss(_Act):
    def act(self, request: HttpRequest) -> HttpResponseBase:
        letters.dismiss(dead_letter_id=self.row_id, reason=request.POST.get("reason", ""), actor=self.actor)
        messages.success(request, "Dismissed. It is kept and can be opened again.")
        return self.to("dead-letters")


class Reopen(_Act):
    def act(self, request: HttpRequest) -> HttpResponseBase:
        letters.reopen(dead_letter_id=self.row_id, reason=request.POST.get("reason", ""), actor=self.actor)
        messages.success(request, "Open again.")
        return self.to("dead-letters")


class PlanRedrive(_Act):
    """POST freezes the letters of a group and shows them; nothing is started yet."""

    def act(self, request: HttpRequest) -> HttpResponseBase:
        chosen = PlanForm(request.POST).checked()
        job = redriving.plan(
            selection=redriving.Selection(
                workspace_id=chosen["workspace"],
                connector=chosen["connector"],
                tool=chosen["tool"],
                code=chosen["code"],
            ),
            per_minute=chosen["per_minute"],
            reason=chosen["reason"],
            actor=self.actor,
        )
        return self.to("redrive-job", job.pk)


class RedriveJob(Page):
    """The frozen selection and how far it is. POST starts, pauses or stops it."""

    template_name = "console/redrive.html"
    here = "dead-letters"
    filters: ClassVar[Allowed] = {"after": None}

    def context(self) -> dict[str, Any]:
        job = access.redrive_job(self.actor, self.row_id)
        after = self.query.first("after")
        items = access.redrive_items(self.actor, job.pk, after=int(after) if after.isdigit() else -1, limit=PAGE)
        counts = redriving.counts(job)
        return {
            "job": job,
            "counts": counts,
            "done": job.total - counts["PENDING"],
            "items": items,
            "next_after": items[-1].position if len(items) == PAGE else None,
            "may_do": MAY_DO.get(RedriveState(job.state), ()) if self._operates(job) else (),
        }

    def _operates(self, job: JobRow) -> bool:
        return all(holds(self.actor, Perm.OPERATE, job.workspace_id, place) for place in redriving.places(job))

    def act(self, request: HttpRequest) -> HttpResponseBase:
        chosen = MOVES.get(request.POST.get("do", ""))
        if chosen is None:
            raise Invalid(f"say one of {', '.join(MOVES)}", field="do")
        redriving.move(job_id=self.row_id, to=chosen[0], actor=self.actor)
        messages.success(request, chosen[1])
        return self.to("redrive-job", self.row_id)
