"""The kill switch page: engage in two steps, release with a second person."""

from typing import Any

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponseBase

from connectors import drills
from controlplane.console.halt_forms import TriggerForm
from controlplane.console.pages import Page
from controlplane.lib.errors import Invalid
from tenants import access, halts, triggers
from tenants.models import Halt
from tenants.roles import Perm
from workflows import halting

KINDS = [(kind.value, kind.value) for kind in halts.Kind if kind is not halts.Kind.GLOBAL]
MODE_WORDS = {
    Halt.Mode.FREEZE.value: "Freeze: nothing new is sent, open runs stand still",
    Halt.Mode.STOP_AND_UNDO.value: "Stop and undo: nothing new is sent, open runs are rolled back",
}


class HaltForm(forms.Form):
    kind = forms.ChoiceField(label="What to stop", choices=KINDS, initial="tenant")
    value = forms.CharField(
        label="Which one", required=False, max_length=160, help_text="The name of the workflow, connector, tool …"
    )
    mode = forms.ChoiceField(label="How", choices=list(MODE_WORDS.items()))
    reason = forms.CharField(label="Why", max_length=500, widget=forms.Textarea(attrs={"rows": 2}))

    def checked(self) -> dict[str, str]:
        """The cleaned values; raises Invalid with the first thing that is wrong."""
        if not self.is_valid():
            field, errors = next(iter(self.errors.items()))
            raise Invalid(f"{field}: {errors[0]}", field=field)
        whole = self.cleaned_data["kind"] == halts.Kind.TENANT
        return {**self.cleaned_data, "value": "" if whole else self.cleaned_data["value"]}


class Halts(Page):
    """POST engages: it comes from the second step, the confirmation."""

    template_name = "console/halts.html"
    here = "halts"

    def context(self) -> dict[str, Any]:
        active, rehearsable = halts.every_active(), access.environments(self.actor, Perm.ENGAGE_HALT)
        return {
            "active": active,
            "history": halts.history(),
            "form": HaltForm(self.request.POST or None),
            "drills": drills.latest(5),
            "environments": rehearsable,
            "triggers": triggers.every(),
            "trigger_form": TriggerForm(auto_id="rule_%s"),
            "may_engage": self.may(Perm.ENGAGE_HALT) or bool(rehearsable),
            "may_rule": self.may(Perm.ADMIN),
            "releasable": [halt.pk for halt in active if halts.may_release(halt, self.actor)],
        }

    def act(self, request: HttpRequest) -> HttpResponseBase:
        chosen = HaltForm(request.POST).checked()
        covered = halts.Scope(halts.Kind(chosen["kind"]), chosen["value"])
        halts.engage(scope=covered, mode=chosen["mode"], reason=chosen["reason"], actor=self.actor)
        messages.success(request, f"Stopped: {covered}. No new call is sent.")
        return self.to("halts")


class HaltCheck(Halts):
    """The first step: shows what would be stopped, stops nothing."""

    def get(self, request: HttpRequest, **_: Any) -> HttpResponseBase:
        return self.to("halts")

    def act(self, request: HttpRequest) -> HttpResponseBase:
        chosen = HaltForm(request.POST).checked()
        with transaction.atomic():
            covered = halting.open_runs_under(halts.Scope(halts.Kind(chosen["kind"]), chosen["value"]))
        shown = {"chosen": chosen, "mode_words": MODE_WORDS[chosen["mode"]], "covered": covered}
        return self.also("console/halt_confirm.html", shown)


class HaltRequestRelease(Halts):
    def get(self, request: HttpRequest, **_: Any) -> HttpResponseBase:
        return self.to("halts")

    def context(self) -> dict[str, Any]:
        return {**super().context(), "form": HaltForm()}

    def act(self, request: HttpRequest) -> HttpResponseBase:
        halts.request_release(halt_id=self.row_id, reason=request.POST.get("reason", ""), actor=self.actor)
        messages.success(request, "Release requested. A second person has to confirm it.")
        return self.to("halts")


class HaltRelease(HaltRequestRelease):
    def act(self, request: HttpRequest) -> HttpResponseBase:
        halts.release(halt_id=self.row_id, actor=self.actor)
        messages.success(request, "Released. Work goes on.")
        return self.to("halts")
