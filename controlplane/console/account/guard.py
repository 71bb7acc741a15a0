"""Who may change second factors or the password: somebody who has proved it in the last five minutes.

django-allauth's own gate lets everybody through who has neither password nor factor, and takes a password where a
factor exists; and it resumes a suspended POST without the middleware. So this gate stands before it, and drops a POST:
the page is asked for again after the proof.
"""

import time
from collections.abc import Callable
from functools import wraps
from typing import Any
from uuid import UUID

from allauth.account.internal.flows.login import get_authentication_records
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import urlencode

from tenants import factors, services
from tenants.doors import SSO_TENANT

VALID_S = 300

View = Callable[..., Any]


def proven(view: View) -> View:
    """Only with a fresh proof: by the second factor if there is one, otherwise by how the person signs in."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path())
        if not has_proved(request):
            return HttpResponseRedirect(f"{where(request)}?{urlencode({'next': request.path})}")
        answer: HttpResponse = view(request, *args, **kwargs)
        return answer

    return guarded


def has_proved(request: HttpRequest) -> bool:
    recent = [one for one in get_authentication_records(request, request.user) if _young(one["at"])]
    if factors.held(UUID(str(request.user.pk))):
        return any(one["method"] == "mfa" for one in recent)
    return any(one["method"] == "password" for one in recent) or _fresh_at_own_provider(request)


def _fresh_at_own_provider(request: HttpRequest) -> bool:
    """Somebody without a password here who has just signed in at the only organisation they belong to. Who belongs to
    several has a factor that opens them all, so one organisation's provider cannot vouch for it."""
    at, door = request.session.get("sso.auth_time"), request.session.get(SSO_TENANT)
    mine = [str(tenant_id) for tenant_id, _ in services.tenants_of(UUID(str(request.user.pk)))]
    young = isinstance(at, int) and _young(at)
    return young and mine == [door] and not _has_password(request)


def where(request: HttpRequest) -> str:
    """The page on which this person proves it."""
    held = factors.held(UUID(str(request.user.pk)))
    if factors.PASSKEY in held:
        return reverse("mfa_reauthenticate_webauthn")
    if held:
        return reverse("mfa_reauthenticate")
    if _has_password(request):
        return reverse("account_reauthenticate")
    return reverse("sso_again")


def _young(at: float) -> bool:
    return 0 <= time.time() - at <= VALID_S


def _has_password(request: HttpRequest) -> bool:
    return request.user.is_authenticated and request.user.has_usable_password()
