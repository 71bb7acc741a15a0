"""The base of every page: fetch by access, act by one verb, show refusals as sentences."""

from typing import Any, ClassVar
from uuid import UUID

from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse

from controlplane.console import refusals, shell
from controlplane.console.querystate import Allowed, QueryState
from controlplane.lib.errors import DomainError, Invalid, NotFound
from tenants import access
from tenants.http import ConsoleView
from tenants.permissions import holds_anywhere
from tenants.roles import Perm

PAGE = 50


class Page(ConsoleView):
    """A page of a tenant. `context` fetches what the template shows, `act` calls the verb of a POST.

    `here` is the entry of the navigation; `filters` are the names and values that the URL may carry.
    """

    template_name: ClassVar[str]
    here: ClassVar[str] = ""
    filters: ClassVar[Allowed] = {}

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            return super().dispatch(request, *args, **kwargs)
        except NotFound as missing:
            raise Http404 from missing
        except DomainError as refusal:
            return refusals.page(request, refusal)

    def get(self, request: HttpRequest, **_: Any) -> HttpResponseBase:
        return self.show(self.context())

    def post(self, request: HttpRequest, **_: Any) -> HttpResponseBase:
        try:
            return self.act(request)
        except NotFound:
            raise
        except DomainError as refusal:
            return self.again(refusal)

    def context(self) -> dict[str, Any]:
        raise NotImplementedError

    def act(self, request: HttpRequest) -> HttpResponseBase:
        raise NotFound

    def show(self, context: dict[str, Any], status: int = 200, template: str = "") -> HttpResponseBase:
        tenant = access.tenant(self.actor)
        around = shell.around(self.actor, tenant)
        frame = {"actor": self.actor, "tenant": tenant, "shell": around, "here": self.here, "query": self.query}
        named = template or self.template_name
        return TemplateResponse(self.request, named, {**frame, **context}, status=status)

    def again(self, refusal: DomainError) -> HttpResponseBase:
        """The page as it is now, with the reason why the verb refused: nothing was changed."""
        with transaction.atomic():
            return self.rendered(self.show({**self.context(), "problem": refusal}, status=refusal.status))

    def also(self, template: str, context: dict[str, Any], status: int = 200) -> HttpResponseBase:
        """Answer a POST with a page instead of a redirect, for example to ask for a confirmation."""
        with transaction.atomic():
            return self.rendered(self.show(context, status, template))

    def to(self, name: str, *args: object) -> HttpResponseBase:
        """Redirect to another page of this tenant."""
        return HttpResponseRedirect(reverse(f"console:{name}", args=[self.kwargs["tenant"], *args]))

    @property
    def row_id(self) -> UUID:
        """The id in the address of a page about one thing."""
        row_id: UUID = self.kwargs["id"]
        return row_id

    @property
    def query(self) -> QueryState:
        return QueryState.parse(self.request.GET.lists(), allowed=self.filters)

    @property
    def cursor(self) -> UUID | None:
        """The keyset cursor of the URL: the id of the last row of the page before."""
        try:
            return UUID(self.query.before) if self.query.before else None
        except ValueError:
            return None

    def may(self, perm: Perm) -> bool:
        return holds_anywhere(self.actor, perm)


class Search(Page):
    """Every search is its address; one that cannot be meant is answered with what is wrong, beside the fields."""

    def get(self, request: HttpRequest, **_: Any) -> HttpResponseBase:
        try:
            return self.show(self.context())
        except Invalid as refusal:
            return self.show({**self.form(), "problem": refusal}, status=refusal.status)

    def form(self) -> dict[str, Any]:
        """The fields, as they were filled in."""
        raise NotImplementedError


def older(query: QueryState, last: UUID | None) -> str:
    """The query string of the next page; empty when there is none because the page was not full."""
    return query.older(str(last)) if last else ""
