"""What was given up after every retry, and its redrive."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase

from controlplane.console.pages import PAGE, Page, older
from tenants.roles import Perm
from workflows import access, services


class DeadLetters(Page):
    template_name = "console/dead_letters.html"
    here = "dead-letters"

    def context(self) -> dict[str, Any]:
        letters = access.dead_letters(self.actor, before=self.cursor, limit=PAGE)
        return {
            "letters": letters,
            "may_operate": self.may(Perm.OPERATE),
            "older": older(self.query, letters[-1].id if len(letters) == PAGE else None),
        }


class Redrive(DeadLetters):
    """POST starts a new run with the same trigger: decided, approved and paid for again."""

    def get(self, request: HttpRequest, **_: Any) -> HttpResponseBase:
        return self.to("dead-letters")

    def act(self, request: HttpRequest) -> HttpResponseBase:
        run = services.redrive(dead_letter_id=self.row_id, actor=self.actor)
        messages.success(request, "Redriven: this is the new run.")
        return self.to("run", run.id)
