"""The Table API behind a small protocol; the one implementation drives pysnow.

pysnow keeps request state on a `Resource`, sends bare PUTs on `update()` and follows redirects: so every call
gets a fresh Resource and PATCH goes through `request()` only. Its session has one adapter, which hands the
prepared request to the base transport; pysnow itself never opens a socket.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from io import BytesIO
from threading import Lock
from typing import Any, Protocol
from urllib.parse import urlencode

import pysnow
import requests
from requests.adapters import BaseAdapter
from requests.auth import AuthBase, HTTPBasicAuth
from urllib3 import HTTPResponse

from connectors.errors import ConfigInvalid, NothingSent
from connectors.outcomes import reading
from connectors.transport import USER_AGENT, Reply, Transport
from connectors.types import CallContext, Exchange
from controlplane.lib import clock
from controlplane.lib.canonical import sha256_hex

INCIDENTS = "incident"
REFRESH_EARLY_S = 60


class ServiceNowTransport(Protocol):
    """Reads and writes records of any table; answers with the reply as it came. May raise a TransportError."""

    @property
    def exchanges(self) -> list[Exchange]: ...

    def get(self, sys_id: str, fields: Iterable[str], *, table: str = INCIDENTS) -> Reply: ...

    def find(self, table: str, query: str, fields: Iterable[str], *, limit: int) -> Reply: ...

    def patch(
        self, sys_id: str, fields: Iterable[str], body: Mapping[str, str], *, table: str = INCIDENTS
    ) -> Reply: ...

    def create(self, table: str, fields: Iterable[str], body: Mapping[str, str]) -> Reply: ...

    def delete(self, sys_id: str, *, table: str) -> Reply: ...


@dataclass(frozen=True, slots=True)
class _Token:
    value: str
    renew_at: float


@dataclass(frozen=True, slots=True)
class _Page:
    fields: Iterable[str]
    query: str = ""
    limit: int = 1


class _TokenStore:
    """Access tokens of this process, by instance, client and secret: a rotated secret finds no old token."""

    def __init__(self) -> None:
        self._tokens: dict[str, _Token] = {}
        self._lock = Lock()

    def get(self, key: str) -> str | None:
        with self._lock:
            token = self._tokens.get(key)
        return token.value if token and clock.monotonic() < token.renew_at else None

    def put(self, key: str, value: str, lifetime_s: int) -> None:
        renew_at = clock.monotonic() + max(lifetime_s - REFRESH_EARLY_S, 0)
        with self._lock:
            self._tokens[key] = _Token(value, renew_at)

    def forget(self, key: str) -> None:
        with self._lock:
            self._tokens.pop(key, None)


_tokens = _TokenStore()


class ClientCredentials(AuthBase):
    """OAuth 2.0 client credentials (RFC 6749 §4.4). pysnow's own OAuth client cannot do this grant."""

    def __init__(self, http: Transport) -> None:
        self._http = http
        self._client_id = _setting(http.ctx, "client_id")
        self._secret = _secret(http.ctx, "client_secret")
        base = http.ctx.instance.base_url
        self._key = sha256_hex(f"{base}\n{self._client_id}\n{self._secret}".encode())

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        token = _tokens.get(self._key) or self._fetch()
        request.headers["Authorization"] = f"Bearer {token}"
        return request

    def forget(self) -> None:
        _tokens.forget(self._key)

    def _fetch(self) -> str:
        form = {
            "grant_type": "client_credentials",
            "client_id": self._client_id,
            "client_secret": self._secret,
        }
        with reading():
            reply = self._http.send(
                "POST",
                f"{self._http.ctx.instance.base_url.rstrip('/')}/oauth_token.do",
                headers={"content-type": "application/x-www-form-urlencoded", "accept": "application/json"},
                body=urlencode(form).encode(),
            )
        return self._accept(reply)

    def _accept(self, reply: Reply) -> str:
        body = reply.json_object() or {}
        token, lifetime = body.get("access_token"), str(body.get("expires_in", ""))
        if reply.status == 200 and isinstance(token, str) and lifetime.isdigit():
            _tokens.put(self._key, token, int(lifetime))
            return token
        refused = reply.status in (400, 401, 403)
        raise NothingSent("auth_failed", f"token endpoint answered {reply.status}", permanent=refused)


class _Adapter(BaseAdapter):
    """Lets requests (and so pysnow) speak through the base transport."""

    def __init__(self, http: Transport) -> None:
        super().__init__()
        self._http = http
        self.last: Reply | None = None

    def send(self, request: requests.PreparedRequest, *_args: Any, **_kwargs: Any) -> requests.Response:
        body = request.body or b""
        self.last = self._http.send(
            str(request.method),
            str(request.url),
            headers={name: _text(value) for name, value in request.headers.items()},
            body=body.encode() if isinstance(body, str) else bytes(body),
        )
        return _response(request, self.last)

    def close(self) -> None:
        """Nothing stays open between requests."""


class PysnowTransport:
    """One call's pysnow client."""

    def __init__(self, ctx: CallContext) -> None:
        self._http = Transport(ctx)
        self._adapter = _Adapter(self._http)
        self._auth = _auth(self._http)
        scheme, _, host = ctx.instance.base_url.rstrip("/").partition("://")
        self._client = pysnow.Client(host=host, use_ssl=scheme == "https", session=self._session())
        self._client.session.headers["User-Agent"] = USER_AGENT

    @property
    def exchanges(self) -> list[Exchange]:
        return self._http.exchanges

    def get(self, sys_id: str, fields: Iterable[str], *, table: str = INCIDENTS) -> Reply:
        return self._call("GET", table, f"/{sys_id}", _Page(fields))

    def find(self, table: str, query: str, fields: Iterable[str], *, limit: int) -> Reply:
        """`query` is an encoded query of ours: nothing from outside may be put into one."""
        return self._call("GET", table, None, _Page(fields, query, limit))

    def patch(self, sys_id: str, fields: Iterable[str], body: Mapping[str, str], *, table: str = INCIDENTS) -> Reply:
        return self._call("PATCH", table, f"/{sys_id}", _Page(fields), data=json.dumps(dict(body)))

    def create(self, table: str, fields: Iterable[str], body: Mapping[str, str]) -> Reply:
        return self._call("POST", table, None, _Page(fields), data=json.dumps(dict(body)))

    def delete(self, sys_id: str, *, table: str) -> Reply:
        return self._call("DELETE", table, f"/{sys_id}", _Page(()))

    def _call(self, method: str, table: str, path: str | None, page: _Page, **body: str) -> Reply:
        """Sends again once after a 401: the request was refused before it was executed."""
        reply = self._once(method, table, path, page, **body)
        if reply.status == 401 and isinstance(self._auth, ClientCredentials):
            self._auth.forget()
            return self._once(method, table, path, page, **body)
        return reply

    def _once(self, method: str, table: str, path: str | None, page: _Page, **body: str) -> Reply:
        resource = self._client.resource(api_path=f"/table/{table}")
        resource.parameters.display_value = "all"
        resource.parameters.exclude_reference_link = True
        resource.parameters.fields = list(page.fields)
        resource.parameters.query = page.query
        resource.parameters.limit = page.limit
        resource.request(method, path_append=path, allow_redirects=False, **body)
        if self._adapter.last is None:
            raise NothingSent("client_silent", "pysnow did not send the request", permanent=True)
        return self._adapter.last

    def _session(self) -> requests.Session:
        session = requests.Session()
        session.trust_env = False
        session.max_redirects = 0
        session.auth = self._auth
        session.mount("https://", self._adapter)
        session.mount("http://", self._adapter)
        return session


def _auth(http: Transport) -> AuthBase:
    kind = http.ctx.instance.config.get("auth", "client_credentials")
    if kind == "client_credentials":
        return ClientCredentials(http)
    if kind == "basic":
        return HTTPBasicAuth(_setting(http.ctx, "username"), _secret(http.ctx, "password"))
    raise ConfigInvalid(f"auth must be client_credentials or basic, not {kind!r}")


def _setting(ctx: CallContext, name: str) -> str:
    value = ctx.instance.config.get(name)
    if not isinstance(value, str) or not value:
        raise ConfigInvalid(f"instance {ctx.instance.name} needs the setting {name}")
    return value


def _secret(ctx: CallContext, slot: str) -> str:
    if slot not in ctx.credentials:
        raise ConfigInvalid(f"instance {ctx.instance.name} needs the credential {slot}")
    return ctx.credentials[slot].decode()


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


def _response(request: requests.PreparedRequest, reply: Reply) -> requests.Response:
    response = requests.Response()
    response.status_code = reply.status
    response.headers.update(reply.headers)
    response.url = str(request.url)
    response.request = request
    response.raw = HTTPResponse(BytesIO(reply.body), status=reply.status, preload_content=False)
    return response
