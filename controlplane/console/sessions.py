"""Signing in, and choosing one of one's organisations."""

from typing import Any
from uuid import UUID

from allauth.account.forms import LoginForm
from allauth.account.views import LoginView
from django.contrib.auth.mixins import LoginRequiredMixin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views import View

from controlplane.console import throttle
from tenants import access
from tenants.doors import SSO_TENANT


class SignIn(LoginView):  # type: ignore[misc]
    """Says the same for a wrong name, a wrong password and a closed account, in the same time.

    Whoever has a second factor is asked for it next, by django-allauth's stages.
    """

    template_name = "console/login.html"

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            throttle.admit(**_who(request))
        except throttle.TooManySignIns as refusal:
            return self._refused(refusal)
        answer: HttpResponse = super().post(request, *args, **kwargs)
        return answer

    def form_valid(self, form: LoginForm) -> HttpResponse:
        throttle.forgive(**_who(self.request))
        answer: HttpResponse = super().form_valid(form)
        return answer

    def _refused(self, refusal: throttle.TooManySignIns) -> HttpResponse:
        context = {"form": LoginForm(request=self.request), "refusal": refusal.detail}
        return render(self.request, self.template_name, context, status=refusal.status)


def _who(request: HttpRequest) -> dict[str, str]:
    return {"name": request.POST.get("login", "")[:150], "address": request.META.get("REMOTE_ADDR", "")}


class Organisations(LoginRequiredMixin, View):
    """The start page: straight into the only organisation, a list when there are several or none."""

    def get(self, request: HttpRequest) -> HttpResponse:
        only = request.session.get(SSO_TENANT)
        mine = [one for one in access.organisations(UUID(str(request.user.pk))) if only in (None, str(one.id))]
        if len(mine) == 1:
            return HttpResponseRedirect(reverse("console:now", args=[mine[0].slug]))
        return render(request, "console/organisations.html", {"organisations": mine})
