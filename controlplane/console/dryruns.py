"""Try a workflow without effect: the trigger goes in, what would happen comes out. Nothing is kept but the record."""

import json
from typing import Any

from django import forms
from django.db import transaction
from django.http import HttpRequest, HttpResponseBase

from controlplane.console import diffs
from controlplane.console.pages import Page
from controlplane.lib.canonical import canonical
from controlplane.lib.errors import Invalid
from tenants import access as places
from tenants.roles import Perm
from workflows import access, services
from workflows.models import WorkflowVersion
from workflows.rehearsal.types import Verdict, Would, document

VERDICTS = {
    Verdict.REFUSED: "The policy would not let this run start.",
    Verdict.TURNS_BACK: "The run would not get to its end: what it has done by then would be taken back.",
    Verdict.ASKS_PEOPLE: "The run would wait for people, and go through when they say yes.",
    Verdict.GOES_THROUGH: "The run would go through without asking anybody.",
    Verdict.OPEN: "How it goes on depends on what only a real run brings.",
}
WORDS = {
    Would.READ: ("DONE", "was read"),
    Would.ASKED: ("DONE", "was asked"),
    Would.COMPUTED: ("DONE", "was computed"),
    Would.WAITS: ("WAITING", "would wait"),
    Would.STARTS: ("PROPOSED", "would start another workflow"),
    Would.LOOPS: ("PROPOSED", "would run once per item"),
    Would.PROPOSED: ("PROPOSED", "would be sent"),
    Would.ASKS: ("REQUIRE_HITL", "would ask people first"),
    Would.DENIED: ("DENIED", "would be denied"),
    Would.HELD: ("THROTTLED", "would be held back"),
    Would.FAILS: ("FAILED", "would fail"),
    Would.SKIPPED: ("SKIPPED", "would be skipped"),
    Would.DEPENDS: ("UNKNOWN", "depends"),
    Would.NOT_REACHED: ("NOT_SENT", "would not be reached"),
}
"""The state whose colour and shape a page shows, and its words."""


class TryForm(forms.Form):
    environment = forms.ChoiceField(label="Where")
    trigger = forms.CharField(
        label="Trigger (JSON)",
        max_length=100_000,
        initial="{}",
        widget=forms.Textarea(attrs={"rows": 8, "spellcheck": "false"}),
    )
    with_model = forms.BooleanField(label="Ask models too (this costs what they cost)", required=False)

    def __init__(self, *args: Any, places: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["environment"].choices = places  # type: ignore[attr-defined]

    def clean_trigger(self) -> dict[str, Any]:
        try:
            event = json.loads(self.cleaned_data["trigger"])
            canonical(event)
        except ValueError as error:
            raise forms.ValidationError(f"no JSON without fractions: {error}") from error
        if not isinstance(event, dict):
            raise forms.ValidationError("an object is needed, like {}")
        return event


class TryWorkflow(Page):
    """GET asks for the trigger, POST answers with the result: there is nothing to be redirected to."""

    template_name = "console/dry_run.html"
    here = "workflows"

    def context(self) -> dict[str, Any]:
        version = access.version(self.actor, self.row_id)
        startable = self._places(version, Perm.START_RUN)
        form = TryForm(self.request.POST or None, places=startable or self._places(version, Perm.VIEW))
        return {"version": version, "form": form, "may_try": bool(startable)}

    def act(self, request: HttpRequest) -> HttpResponseBase:
        with transaction.atomic():
            shown = self.context()
        form = shown["form"]
        if not form.is_valid():
            field, errors = next(iter(form.errors.items()))
            raise Invalid(f"{field}: {errors[0]}", field=field)
        return self.also(self.template_name, {**shown, **self._played(shown["version"], form.cleaned_data)})

    def _places(self, version: WorkflowVersion, perm: Perm) -> list[tuple[str, str]]:
        """Where in the workflow's workspace the permission is held."""
        workspace_id, held = version.workflow.workspace_id, places.environments(self.actor, perm)
        return [(str(place.pk), place.slug) for place in held if place.workspace_id == workspace_id]

    def _played(self, version: WorkflowVersion, chosen: dict[str, Any]) -> dict[str, Any]:
        found = services.dry_run(
            workflow=version.workflow.name,
            environment_id=chosen["environment"],
            trigger=chosen["trigger"],
            with_model=chosen["with_model"],
            actor=self.actor,
        )
        told = document(found)
        return {"found": told, "steps": list(map(_shown, told["steps"])), "verdict_words": VERDICTS[found.verdict]}


def _shown(step: dict[str, Any]) -> dict[str, Any]:
    state, words = WORDS[Would(step["would"])]
    return {**step, "state": state, "words": words, "changes": diffs.changes(step["changes"])}
