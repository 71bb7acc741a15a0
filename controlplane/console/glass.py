"""Where a platform operator breaks the glass of a tenant. For everybody else there is no such page."""

from datetime import timedelta
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.views import View

from controlplane.console.account.guard import proven
from controlplane.lib.errors import DomainError
from tenants import breakglass, factors
from tenants.errors import NoSecondFactor


@method_decorator(proven, name="dispatch")
class BreakGlass(View):
    """Only after a fresh proof, and only with a second factor."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if not breakglass.is_operator(request.user):  # type: ignore[arg-type]
            raise Http404
        return super().dispatch(request, *args, **kwargs)

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._page(request)

    def post(self, request: HttpRequest) -> HttpResponse:
        slug, minutes = request.POST.get("organisation", ""), request.POST.get("minutes", "")
        try:
            if not factors.held(request.user.pk):  # type: ignore[arg-type]
                raise NoSecondFactor
            lasts = timedelta(minutes=int(minutes) if minutes.isdecimal() else 0)
            reason = request.POST.get("reason", "")
            breakglass.open_glass(operator=request.user, slug=slug, reason=reason, lasts=lasts)  # type: ignore[arg-type]
        except DomainError as refusal:
            return self._page(request, refusal)
        return HttpResponseRedirect(reverse("console:now", args=[slug]))

    @staticmethod
    def _page(request: HttpRequest, problem: DomainError | None = None) -> HttpResponse:
        status = problem.status if problem else 200
        return render(request, "account/break_glass.html", {"problem": problem}, status=status)
