"""The base of every page: fetch by access, act by one verb, show refusals as sentences."""

from typing import Any, ClassVar
from uuid import UUID

from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.template.response import TemplateResponse

from controlplane.console import refusals, shell
from controlplane.console.querystate import Allowed, QueryState
from controlplane.lib.errors import DomainError, NotFound
from tenants import access
from tenants.http import ConsoleView
from tenants.permissions import holds_anywhere
from tenants.roles import Perm


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

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        return self.show(self.context(**kwargs))

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        try:
            return self.act(request, **kwargs)
        except NotFound:
            raise
        except DomainError as refusal:
            return self.again(refusal, **kwargs)

    def context(self, **kwargs: Any) -> dict[str, Any]:
        raise NotImplementedError

    def act(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        raise NotFound

    def show(self, context: dict[str, Any], status: int = 200, template: str = "") -> HttpResponse:
        tenant = access.tenant(self.actor)
        around = shell.around(self.actor, tenant)
        frame = {"actor": self.actor, "tenant": tenant, "shell": around, "here": self.here, "query": self.query}
        named = template or self.template_name
        return TemplateResponse(self.request, named, {**frame, **context}, status=status)

    def again(self, refusal: DomainError, **kwargs: Any) -> HttpResponse:
        """The page as it is now, with the reason why the verb refused: nothing was changed."""
        with transaction.atomic():
            response = self.show({**self.context(**kwargs), "problem": refusal}, status=refusal.status)
            self.rendered(response)
        return response

    def also(self, template: str, context: dict[str, Any]) -> HttpResponse:
        """Answer a POST with a page instead of a redirect, for example to ask for a confirmation."""
        with transaction.atomic():
            return self.rendered(self.show(context, template=template))

    @property
    def slug(self) -> str:
        return self.request.path_info.split("/")[2]

    @property
    def query(self) -> QueryState:
        return QueryState.parse(self.request.GET.lists(), allowed=self.filters)

    def before(self) -> UUID | None:
        """The keyset cursor of the URL: ids are UUIDv7, so below an id is before it."""
        try:
            return UUID(self.query.before) if self.query.before else None
        except ValueError:
            return None

    def may(self, perm: Perm) -> bool:
        return holds_anywhere(self.actor, perm)


def older(query: QueryState, rows: list[Any], limit: int) -> str:
    """The query string of the next page, empty when this is the last one."""
    return query.older(str(rows[-1].id)) if len(rows) == limit else ""
