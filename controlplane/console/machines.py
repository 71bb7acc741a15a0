"""Services and agents of the organisation: made, owned, switched off. Their tokens are on the page of each."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponseBase

from controlplane.console.pages import Page
from controlplane.console.people_forms import ServiceForm, humans
from tenants import access, machines, people
from tenants.roles import Perm, Role


class Services(Page):
    """POST makes one; then its page, where it gets a token."""

    template_name = "console/services.html"
    here = "people"

    def context(self) -> dict[str, Any]:
        return {"services": machines.every(self.actor), "form": self._form()}

    def act(self, request: HttpRequest) -> HttpResponseBase:
        with transaction.atomic():
            machines.every(self.actor)
            chosen = self._form(request.POST).checked()
        made = machines.make(
            name=chosen["name"],
            kind=chosen["kind"],
            purpose=chosen["purpose"],
            owner_id=UUID(chosen["owner"]),
            workspace_id=UUID(chosen["workspace"]),
            role=Role(chosen["role"]),
            actor=self.actor,
        )
        messages.success(request, "Made. Give it a token below.")
        return self.to("person", made.user_id)

    def _form(self, *given: Any) -> ServiceForm:
        workspaces = access.workspaces(self.actor, Perm.ADMIN)
        initial = {"owner": str(self.actor.id)}
        return ServiceForm(*given, people=humans(people.everyone(self.actor)), workspaces=workspaces, initial=initial)


class ServiceClose(Services):
    def get(self, request: HttpRequest, **_: Any) -> HttpResponseBase:
        return self.to("services")

    def act(self, request: HttpRequest) -> HttpResponseBase:
        machines.close(identity_id=self.row_id, actor=self.actor)
        messages.success(request, "Switched off. Its tokens are refused from now on.")
        return self.to("services")
