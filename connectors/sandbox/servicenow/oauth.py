"""Who is calling: Basic or Bearer, and the token endpoint behind Bearer."""

from __future__ import annotations

import base64
import binascii
import secrets
from dataclasses import dataclass

from connectors.sandbox import accounts
from connectors.sandbox.clock import Clock
from connectors.sandbox.wire import Request, Response, reply

LIFETIME_S = 1799
DENIED = {"error_description": "access_denied", "error": "server_error"}


@dataclass(frozen=True)
class Grant:
    user: str
    expires_at: float


class OAuth:
    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.access: dict[str, Grant] = {}
        self.refresh: dict[str, str] = {}

    def caller(self, request: Request) -> str | None:
        """The user name behind the Authorization header, or None."""
        scheme, _, rest = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "basic":
            return _password_user(*_basic(rest))
        grant = self.access.get(rest) if scheme.lower() == "bearer" else None
        return grant.user if grant and grant.expires_at > self.clock.now() else None

    def token(self, request: Request) -> Response:
        form = request.form()
        if not _known_client(request, form):
            return reply(401, DENIED)
        user = self._user_of(form)
        if user is None:
            return reply(401, DENIED)
        return reply(200, self._issue(user, refreshable=form["grant_type"] != "client_credentials"))

    def _user_of(self, form: dict[str, str]) -> str | None:
        kind = form.get("grant_type")
        if kind == "client_credentials":
            return accounts.SERVICENOW_USER
        if kind == "password":
            return _password_user(form.get("username", ""), form.get("password", ""))
        return self.refresh.get(form.get("refresh_token", "")) if kind == "refresh_token" else None

    def _issue(self, user: str, *, refreshable: bool) -> dict[str, object]:
        token = secrets.token_urlsafe(48)
        self.access[token] = Grant(user, self.clock.now() + LIFETIME_S)
        body: dict[str, object] = {"access_token": token, "scope": "useraccount", "token_type": "Bearer"}
        body["expires_in"] = LIFETIME_S
        if refreshable:
            again = secrets.token_urlsafe(48)
            self.refresh[again] = user
            body["refresh_token"] = again
        return body


def _basic(encoded: str) -> tuple[str, str]:
    try:
        user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return user, password


def _password_user(user: str, password: str) -> str | None:
    known = accounts.SERVICENOW_PEOPLE.get(user)
    return user if known and secrets.compare_digest(known[0].encode(), password.encode()) else None


def _known_client(request: Request, form: dict[str, str]) -> bool:
    """Credentials in the body, or as a Basic header (what requests-oauthlib sends)."""
    scheme, _, rest = request.headers.get("authorization", "").partition(" ")
    header = _basic(rest) if scheme.lower() == "basic" else ("", "")
    pair = (form.get("client_id") or header[0], form.get("client_secret") or header[1])
    return pair == (accounts.SERVICENOW_CLIENT_ID, accounts.SERVICENOW_CLIENT_SECRET)
