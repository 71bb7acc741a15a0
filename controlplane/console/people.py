"""Who belongs to the organisation, what a person may effectively do, and the roles and tokens that they have."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponseBase
from django.utils.cache import add_never_cache_headers

from controlplane.console.pages import Page
from controlplane.console.people_forms import RoleForm, RotateForm, TokenForm, humans, places
from controlplane.lib import clock
from controlplane.lib.errors import NotFound
from tenants import access, breakglass, granting, machines, people, services
from tenants.actors import BREAK_GLASS
from tenants.people import Effective
from tenants.roles import Perm
from tenants.services import NewToken


class People(Page):
    template_name = "console/people.html"
    here = "people"

    def context(self) -> dict[str, Any]:
        shown = self.may(Perm.EXPORT_EVIDENCE) or self.actor.method == BREAK_GLASS
        return {
            "people": people.everyone(self.actor),
            "glasses": breakglass.history(self.actor) if shown else [],
            "administers": self.may(Perm.ADMIN),
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
    """One's own page is everybody's; that of others, and giving roles, is for administrators."""

    template_name = "console/person.html"
    here = "people"

    def context(self) -> dict[str, Any]:
        found = people.effective(self.actor, self.person_id())
        administers, own = self.may(Perm.ADMIN), found.person.id == self.actor.id
        return {
            "found": found,
            "administers": administers,
            "role_form": self.role_form(found) if administers else None,
            "token_form": self.token_form(found) if administers or own else None,
            "rotate_form": RotateForm(),
            "now": clock.now(),
        }

    def person_id(self) -> UUID:
        return self.row_id

    def role_form(self, found: Effective, *given: Any) -> RoleForm:
        where = places(access.workspaces(self.actor, Perm.ADMIN), access.environments(self.actor, Perm.ADMIN))
        return RoleForm(*given, person=found.person, places=where, auto_id="role_%s")

    def token_form(self, found: Effective, *given: Any) -> TokenForm:
        others = humans(people.everyone(self.actor))
        return TokenForm(*given, found=found, people=others, auto_id="token_%s")

    def shown_once(self, made: NewToken) -> HttpResponseBase:
        """The answer to the request that made it; nobody can ask for it again."""
        response = self.also("console/new_token.html", {"made": made})
        add_never_cache_headers(response)
        return response


class _Deed(Person):
    """Only ever posted to."""

    def get(self, request: HttpRequest, **_: Any) -> HttpResponseBase:
        return self.to("people")


class RoleGive(_Deed):
    def act(self, request: HttpRequest) -> HttpResponseBase:
        with transaction.atomic():
            people.require_member(self.actor, self.row_id)
            form = self.role_form(people.effective(self.actor, self.row_id), request.POST)
        given = granting.grant_role(user_id=self.row_id, **form.terms(), actor=self.actor)
        messages.success(request, f"{given.get_role_display()}: given.")
        return self.to("person", self.row_id)


class RoleWithdraw(_Deed):
    def act(self, request: HttpRequest) -> HttpResponseBase:
        with transaction.atomic():
            person_id = self.person_id()
        granting.withdraw_role(membership_id=self.row_id, actor=self.actor)
        messages.success(request, "Withdrawn. What other roles give stays.")
        with transaction.atomic():
            still = any(each.id == person_id for each in people.everyone(self.actor))
        return self.to("person", person_id) if still else self.to("people")

    def person_id(self) -> UUID:
        found = [row.user_id for row in access.members(self.actor) if row.pk == self.row_id]
        if not found:
            raise NotFound
        return found[0]


class TokenIssue(_Deed):
    def act(self, request: HttpRequest) -> HttpResponseBase:
        with transaction.atomic():
            chosen = self.token_form(people.effective(self.actor, self.row_id), request.POST).checked()
        behind = chosen.get("on_behalf_of")
        made = services.issue_token(
            user_id=self.row_id,
            name=chosen["name"],
            scopes=chosen["scopes"],
            lives=timedelta(days=chosen["days"]),
            on_behalf_of=UUID(behind) if behind else None,
            actor=self.actor,
        )
        return self.shown_once(made)


class _TokenDeed(_Deed):
    def person_id(self) -> UUID:
        found = [row.user_id for row in access.tokens(self.actor) if row.pk == self.row_id]
        if not found:
            raise NotFound
        return found[0]


class TokenRotate(_TokenDeed):
    def act(self, request: HttpRequest) -> HttpResponseBase:
        hours = RotateForm(request.POST).checked()["overlap_hours"]
        return self.shown_once(
            machines.rotate_token(token_id=self.row_id, overlap=timedelta(hours=hours), actor=self.actor)
        )


class TokenRevoke(_TokenDeed):
    def act(self, request: HttpRequest) -> HttpResponseBase:
        row = services.revoke_token(token_id=self.row_id, actor=self.actor)
        messages.success(request, f"Revoked: {row.name}. It is refused from now on.")
        return self.to("person", row.user_id)
