"""The kill switch page's other forms: rehearse it, and set the rules by which it engages itself."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase

from connectors import drills
from controlplane.console.halt_forms import TriggerForm
from controlplane.console.halts import HaltForm, Halts
from controlplane.lib.errors import Invalid
from tenants import triggers
from tenants.triggers import Rule


class HaltAct(Halts):
    """An action of the kill switch page; its address alone leads back to the page."""

    def get(self, request: HttpRequest, **_: Any) -> HttpResponseBase:
        return self.to("halts")

    def context(self) -> dict[str, Any]:
        return {**super().context(), "form": HaltForm()}


class HaltDrill(HaltAct):
    def act(self, request: HttpRequest) -> HttpResponseBase:
        drill = drills.rehearse(environment_id=_uuid(request.POST.get("environment", "")), actor=self.actor)
        if drill.passed:
            messages.success(request, f"The drill passed: the call was refused after {drill.refused_ms} ms.")
        else:
            messages.error(request, f"The drill failed: {drill.detail}")
        return self.to("halts")


class HaltTriggerSet(HaltAct):
    def act(self, request: HttpRequest) -> HttpResponseBase:
        chosen = TriggerForm(request.POST).checked()
        name = chosen.pop("name")
        triggers.set_trigger(name=name, rule=Rule(**chosen), actor=self.actor)
        messages.success(request, f"The rule {name} is in force.")
        return self.to("halts")


class HaltTriggerSwitch(HaltAct):
    def act(self, request: HttpRequest) -> HttpResponseBase:
        enabled = request.POST.get("enabled") == "1"
        trigger = triggers.switch(trigger_id=self.row_id, enabled=enabled, actor=self.actor)
        messages.success(request, f"The rule {trigger.name} is {'on' if enabled else 'off'}.")
        return self.to("halts")


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise Invalid("choose an environment", field="environment") from error
