"""Who belongs to the organisation, and on one page what a person may effectively do."""

from typing import Any

from django.http import HttpRequest, HttpResponseBase

from controlplane.console.pages import Page
from controlplane.lib import clock
from tenants import breakglass, people
from tenants.actors import BREAK_GLASS
from tenants.roles import Perm


class People(Page):
    template_name = "console/people.html"
    here = "people"

    def context(self) -> dict[str, Any]:
        shown = self.may(Perm.EXPORT_EVIDENCE) or self.actor.method == BREAK_GLASS
        return {
            "people": people.everyone(self.actor),
            "glasses": breakglass.history(self.actor) if shown else [],
            "now": clock.now(),
        }


class CloseGlass(Page):
    """End a platform operator's look before its time."""

    template_name = "console/people.html"
    here = "people"

    def get(self, request: HttpRequest, **_: Any) -> HttpResponseBase:
        return self.to("people")

    def act(self, request: HttpRequest) -> HttpResponseBase:
        breakglass.close_glass(glass_id=self.row_id, actor=self.actor)
        return self.to("people")


class Person(Page):
    template_name = "console/person.html"
    here = "people"

    def context(self) -> dict[str, Any]:
        return {"found": people.effective(self.actor, self.row_id)}
