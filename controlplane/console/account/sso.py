"""Signing in at a tenant's identity provider through django-allauth, and stepping up there.

allauth brings the flow, state and PKCE. Ours: the client comes from the tenant's row, the ID token's signature and
nonce are always checked, no e-mail address links anything, and the session counts in that tenant only.
"""

import secrets
from typing import Any
from uuid import UUID

from allauth.account.adapter import get_adapter as account_adapter
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialApp, SocialLogin
from allauth.socialaccount.providers.base.constants import AuthProcess
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView
from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode
from django.views import View

from controlplane.lib.errors import DomainError
from tenants import egress_oidc, scope, sso, stepup
from tenants.doors import SSO_TENANT, signed_in
from tenants.errors import IdentityRefused

KEPT = ("iss", "sub", "auth_time", "acr", "amr", "nonce")
"""Claims that are kept with the account; names and addresses are not."""


class TenantAdapter(OpenIDConnectOAuth2Adapter):  # type: ignore[misc]
    """One tenant's provider; `provider_id` is the tenant's name in the URL."""

    def get_provider(self) -> "TenantProvider":
        client = sso.client(self.provider_id)
        if client is None:
            raise SocialApp.DoesNotExist
        app = SocialApp(provider="openid_connect", provider_id=str(client.tenant_id), name=client.slug)
        app.client_id, app.secret = client.client_id, client.secret
        app.settings = {"server_url": client.issuer, "oauth_pkce_enabled": True, "fetch_userinfo": False}
        return TenantProvider(self.request, app=app)

    def _decode_id_token(self, app: SocialApp, id_token: str) -> dict[str, Any]:
        told = self.openid_config["issuer"]
        if told.rstrip("/") != app.settings["server_url"]:
            raise IdentityRefused("The identity provider calls itself by another name.")
        return egress_oidc.claims_of(
            id_token, keys_url=self.openid_config["jwks_uri"], issuer=told, client_id=app.client_id
        )


class TenantProvider(OpenIDConnectProvider):  # type: ignore[misc]
    oauth2_adapter_class = TenantAdapter

    def get_oauth2_adapter(self, request: HttpRequest) -> TenantAdapter:
        return TenantAdapter(request, self.app.name)

    def extract_extra_data(self, data: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in data["id_token"].items() if name in KEPT}

    def extract_email_addresses(self, data: dict[str, Any]) -> list[Any]:
        return []

    def extract_common_fields(self, data: dict[str, Any]) -> dict[str, Any]:
        return {name: data["id_token"].get(name) for name in ("name", "preferred_username")}


class SocialAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]
    def get_requests_session(self) -> egress_oidc.Session:
        return egress_oidc.Session()

    def get_provider(self, request: HttpRequest, provider: str, client_id: str | None = None) -> TenantProvider:
        """allauth asks again while a second factor is waited for; the tenant stands in the session."""
        return TenantAdapter(request, request.session.get("sso.slug", "")).get_provider()

    def list_apps(self, request: HttpRequest, provider: Any = None, client_id: Any = None) -> list[SocialApp]:
        return []

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """After the token was verified, before anything is done with it."""
        data, claims = sociallogin.state.get("data") or {}, sociallogin.account.extra_data
        if not secrets.compare_digest(str(claims.get("nonce", "")), str(data.get("nonce", "-"))):
            raise IdentityRefused("The identity provider's token belongs to another sign-in.")
        with scope.enter(UUID(sociallogin.account.provider)):
            if sociallogin.state.get("process") == AuthProcess.REDIRECT:
                _step_up(request, sociallogin, data)
            else:
                _let_in(request, sociallogin)


def _step_up(request: HttpRequest, sociallogin: SocialLogin, data: dict[str, Any]) -> None:
    """The one who signed in there must be the one who asked here; nobody is signed in by it."""
    if not request.user.is_authenticated or sociallogin.user != request.user:
        raise IdentityRefused("Another person signed in at the identity provider.")
    actor = signed_in(request.user, request.session, data["slug"])
    stepup.complete_oidc(challenge_id=UUID(data["challenge"]), claims=sociallogin.account.extra_data, actor=actor)


def _let_in(request: HttpRequest, sociallogin: SocialLogin) -> None:
    if not sociallogin.is_existing:
        names = {"name": sociallogin.user.get_full_name(), "preferred_username": sociallogin.user.username}
        user = sso.admit(claims={**sociallogin.account.extra_data, **names})
        if user is None:
            raise IdentityRefused("You have no account here. Ask an administrator of your organisation.")
        sociallogin.connect(request, user)
    with transaction.atomic():
        if not sso.belongs(sociallogin.user):
            raise IdentityRefused("You have no account here. Ask an administrator of your organisation.")


class Begin(View):
    """`…/login/sso/<organisation>/`: to the provider. With `challenge` it is a step-up."""

    def get(self, request: HttpRequest, provider_id: str) -> HttpResponse:
        try:
            provider = TenantAdapter(request, provider_id).get_provider()
        except (SocialApp.DoesNotExist, DomainError):
            return _refused(request, "Your organisation has no sign-in of its own here.")
        extra = {"nonce": secrets.token_urlsafe(24)}
        data: dict[str, str] = {**extra, "slug": provider_id}
        if "challenge" in request.GET:
            if not request.user.is_authenticated:
                return redirect_to_login(request.get_full_path())
            data["challenge"] = request.GET["challenge"]
        again = "challenge" in request.GET or request.GET.get("prompt") == "login"
        fresh = {"prompt": "login", "max_age": "0"} if again else {}
        request.session["sso.slug"] = provider_id
        process = AuthProcess.REDIRECT if "challenge" in data else AuthProcess.LOGIN
        answer: HttpResponse = provider.redirect(
            request, process=process, next_url=_safe(request), data=data, auth_params={**extra, **fresh}
        )
        return answer


class Callback(View):
    """Where the provider sends the person back."""

    def get(self, request: HttpRequest, provider_id: str) -> HttpResponse:
        try:
            answer: HttpResponse = OAuth2CallbackView.adapter_view(TenantAdapter(request, provider_id))(request)
        except SocialApp.DoesNotExist:
            return _refused(request, "Your organisation has no sign-in of its own here.")
        except (DomainError, PermissionDenied, ValueError, KeyError) as refusal:
            detail = refusal.detail if isinstance(refusal, DomainError) else IdentityRefused.title
            return _refused(request, detail)
        return answer if answer.status_code == 302 else _refused(request, IdentityRefused.title)


class Choose(View):
    """The name of the organisation leads to its door. A link, not a redirect: forms may not leave this origin."""

    def get(self, request: HttpRequest) -> HttpResponse:
        slug = request.GET.get("organisation", "").strip()
        found = sso.client(slug) if slug else None
        context = {"slug": slug, "found": found, "next": _safe(request) or ""}
        return render(request, "account/sso.html", context, status=200 if found or not slug else 404)


class Again(View):
    """Prove it at the provider that this session came from; there is no other way without a password."""

    def get(self, request: HttpRequest) -> HttpResponse:
        slug = request.session.get("sso.slug")
        if not request.user.is_authenticated or SSO_TENANT not in request.session:
            return _refused(request, "Sign in again to change this.")
        wanted = urlencode({"prompt": "login", "next": _safe(request) or reverse("mfa_index")})
        return HttpResponseRedirect(f"{reverse('openid_connect_login', args=[slug])}?{wanted}")


def remember(request: HttpRequest, sociallogin: SocialLogin | None) -> None:
    """The session of somebody who came through a tenant's door opens that tenant only."""
    if sociallogin is None:
        request.session.pop(SSO_TENANT, None)
    else:
        claims = sociallogin.account.extra_data
        request.session[SSO_TENANT] = sociallogin.account.provider
        request.session["sso.auth_time"] = claims.get("auth_time")


def _safe(request: HttpRequest) -> str | None:
    wanted = request.GET.get("next", "")
    return wanted if wanted and account_adapter(request).is_safe_url(wanted) else None


def _refused(request: HttpRequest, detail: str) -> HttpResponse:
    messages.error(request, detail)
    back = _safe(request) if request.user.is_authenticated else None
    return HttpResponseRedirect(back or reverse("mfa_index" if request.user.is_authenticated else "account_login"))
