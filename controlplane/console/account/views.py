"""The pages of one's own account that django-allauth does not have as we need them."""

from typing import Any

from allauth.mfa.base.views import AuthenticateView
from allauth.mfa.webauthn.internal import auth as webauthn
from allauth.mfa.webauthn.views import AddWebAuthnView
from allauth.usersessions.models import UserSession
from django.contrib import messages
from django.contrib.auth.mixins import LoginRequiredMixin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views import View

from tenants import factors, sessions


class SecondFactor(AuthenticateView):  # type: ignore[misc]
    """The second stage of signing in: only with what this person has."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        return {**context, "held": factors.held(self.stage.login.user.pk)}


class AddPasskey(AddWebAuthnView):  # type: ignore[misc]
    """Each passkey can also sign in by itself: it is discoverable and verifies the person."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        options = webauthn.begin_registration(self.request.user, passwordless=True)
        return {**context, "options": options["publicKey"]}


class Sessions(LoginRequiredMixin, View):
    """Where one is signed in; each session can be ended, at once."""

    def get(self, request: HttpRequest) -> HttpResponse:
        rows = sorted(UserSession.objects.purge_and_list(request.user), key=lambda row: row.created_at, reverse=True)
        return render(request, "account/sessions.html", {"sessions": rows})

    def post(self, request: HttpRequest) -> HttpResponse:
        mine = UserSession.objects.filter(user=request.user)
        others = mine.exclude(session_key=request.session.session_key)
        wanted = request.POST.get("session", "")
        ended = others if wanted == "others" else mine.filter(pk=int(wanted)) if wanted.isdecimal() else mine.none()
        count = sessions.end(user=request.user, rows=list(ended))  # type: ignore[arg-type]
        messages.success(request, f"{count} session{'' if count == 1 else 's'} ended.")
        return HttpResponseRedirect(reverse("usersessions_list"))
