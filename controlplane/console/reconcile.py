"""Outcomes that no probe could tell: what is known, where to look, and the one answer."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase

from connectors import access, claims
from connectors.calls import Answer
from connectors.gateway import reconciling
from connectors.models import ReconcileTask
from controlplane.console import diffs, writes
from controlplane.console.pages import PAGE, Page, older
from controlplane.lib.errors import Invalid
from tenants.permissions import holds
from tenants.roles import Perm

SAID = {
    Answer.LANDED: "Told: it landed. The run goes on from there.",
    Answer.NOT_LANDED: "Told: it did not land. It may be sent again.",
    Answer.UNDO: "Told: it landed. The run turns back and undoes it.",
}
CHOICES = {
    Answer.LANDED: "It landed: go on",
    Answer.NOT_LANDED: "It did not land: it may be sent again",
    Answer.UNDO: "It landed: undo it, with everything else that the run wrote",
}


class Reconcile(Page):
    template_name = "console/reconcile.html"
    here = "reconcile"
    filters = {"show": frozenset({"all"})}

    def context(self) -> dict[str, Any]:
        every = self.query.first("show") == "all"
        tasks = access.reconcile_tasks(self.actor, every=every, before=self.cursor, limit=PAGE)
        return {
            "tasks": tasks,
            "every": every,
            "older": older(self.query, tasks[-1].id if len(tasks) == PAGE else None),
        }


class ReconcileDetail(Page):
    """POST claims, releases or answers."""

    template_name = "console/reconcile_task.html"
    here = "reconcile"

    def context(self) -> dict[str, Any]:
        task = access.reconcile_task(self.actor, self.row_id)
        images = access.images(self.actor, task.call)
        operates = holds(self.actor, Perm.OPERATE, task.workspace_id, task.call.environment_id)
        operates = operates and task.state == ReconcileTask.State.OPEN
        mine = task.claimed_by in (None, self.actor.id)
        return {
            "task": task,
            "call": task.call,
            "looks": access.looks(task.call),
            "images": images,
            "before": [(name, diffs.cell(value)) for name, value in sorted(writes.readable(images.before).items())],
            "may_operate": operates,
            "choices": [(one.value, CHOICES[one]) for one in reconciling.lawful(task.call)]
            if operates and mine
            else [],
        }

    def act(self, request: HttpRequest) -> HttpResponseBase:
        action = str(request.POST.get("action", ""))
        if action == "claim":
            claims.claim(task_id=self.row_id, actor=self.actor)
        elif action == "release":
            claims.release(task_id=self.row_id, actor=self.actor)
        elif action == "answer":
            self._answer(request)
        else:
            raise Invalid("there is no such action", field="action")
        return self.to("reconcile-task", self.row_id)

    def _answer(self, request: HttpRequest) -> None:
        said, note = str(request.POST.get("answer", "")), str(request.POST.get("note", ""))
        claims.answer(task_id=self.row_id, answer=said, note=note, actor=self.actor)
        messages.success(request, SAID[Answer(said)])
