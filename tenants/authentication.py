"""How the API learns who asks. Named in the settings, so it imports no DRF view: views read the settings."""

from typing import TYPE_CHECKING, Any

from rest_framework.authentication import BaseAuthentication
from rest_framework.authentication import SessionAuthentication as DrfSessionAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from controlplane.lib.errors import NotFound
from tenants import access
from tenants.actors import Actor
from tenants.doors import signed_in
from tenants.errors import TokenRefused

if TYPE_CHECKING:
    from rest_framework.views import APIView


class TokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer il_…`."""

    def authenticate(self, request: Request) -> tuple[Any, Actor] | None:
        kind, _, secret = request.headers.get("Authorization", "").partition(" ")
        if kind.lower() != "bearer":
            return None
        try:
            actor = access.bearer(secret.strip())
        except TokenRefused as error:
            raise AuthenticationFailed(error.detail, code=error.code) from error
        return actor, actor

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="interlock"'


class SessionAuthentication(DrfSessionAuthentication):
    """A browser session (CSRF-checked) plus `X-Interlock-Tenant: <slug>`."""

    def authenticate(self, request: Request) -> tuple[Any, Actor] | None:
        found = super().authenticate(request)
        if found is None:
            return None
        slug = request.headers.get("X-Interlock-Tenant", "")
        try:
            actor = signed_in(found[0], request.session, slug)
        except NotFound as error:
            raise AuthenticationFailed("name one of your tenants in X-Interlock-Tenant") from error
        return actor, actor


class IsActor(BasePermission):
    def has_permission(self, request: Request, view: "APIView") -> bool:
        return isinstance(request.auth, Actor)
