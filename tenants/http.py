"""How a request gets its actor and its scope: by session and URL in the console, by token in the API.

Reads run in one transaction. Writes run without one, because each verb is its own durable transaction.
"""

from contextlib import ExitStack
from typing import Any, ClassVar

from django.contrib.auth.views import redirect_to_login
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponseBase
from django.template.response import SimpleTemplateResponse
from django.views import View
from rest_framework.exceptions import NotAuthenticated
from rest_framework.request import Request
from rest_framework.views import APIView

from controlplane.lib.errors import NotFound
from controlplane.lib.logs import bind
from tenants import breakglass, once, scope
from tenants.actors import BREAK_GLASS, Actor
from tenants.doors import signed_in

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class ConsoleView(View):
    """A page under `/o/<tenant>/…`: signed in, member of the tenant (else 404), inside its scope."""

    actor: Actor

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path())
        try:
            self.actor = signed_in(request.user, request.session, kwargs.pop("tenant"))
        except NotFound as error:
            raise Http404 from error
        if self.actor.method == BREAK_GLASS:
            breakglass.note_look(actor=self.actor, path=request.path)
        with ExitStack() as stack:
            stack.enter_context(bind(tenant_id=self.actor.tenant_id, actor_id=self.actor.id))
            stack.enter_context(scope.enter(self.actor.tenant_id))
            if request.method in SAFE_METHODS:
                stack.enter_context(transaction.atomic())
                stack.enter_context(once.per_reading())
            return self.rendered(super().dispatch(request, *args, **kwargs))

    @staticmethod
    def rendered(response: HttpResponseBase) -> HttpResponseBase:
        """Templates read the database: render while scope and transaction are open."""
        if isinstance(response, SimpleTemplateResponse) and not response.is_rendered:
            return response.render()
        return response


class ApiView(APIView):
    """An API view inside the scope of the actor's tenant.

    `reads_in_transaction` is switched off by a view whose GET calls a verb (an export goes on record).
    """

    reads_in_transaction: ClassVar[bool] = True

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        with ExitStack() as self._stack:
            response = super().dispatch(request, *args, **kwargs)
            return ConsoleView.rendered(response)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if not isinstance(request.auth, Actor):
            raise NotAuthenticated
        if request.auth.method == BREAK_GLASS:
            breakglass.note_look(actor=request.auth, path=request.path)
        self._stack.enter_context(bind(tenant_id=request.auth.tenant_id, actor_id=request.auth.id))
        self._stack.enter_context(scope.enter(request.auth.tenant_id))
        if request.method in SAFE_METHODS and self.reads_in_transaction:
            self._stack.enter_context(transaction.atomic())
            self._stack.enter_context(once.per_reading())

    @property
    def actor(self) -> Actor:
        actor = self.request.auth
        if not isinstance(actor, Actor):
            raise NotAuthenticated
        return actor
