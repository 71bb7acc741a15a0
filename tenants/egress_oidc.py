"""The way out to a tenant's identity provider: no redirects, no proxies, a deadline; and what its tokens must be.

https://openid.net/specs/openid-connect-core-1_0.html#IDTokenValidation
"""

import json
from typing import Any
from urllib.parse import urlsplit

import jwt
import requests
from django.conf import settings

from tenants.errors import IdentityRefused

TIMEOUT_S = 10
LARGEST = 262_144
LEEWAY_S = 60
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA")
"""Signed by a key that the provider publishes; nothing with a shared secret, and never `none`."""


class Session(requests.Session):
    """For django-allauth, which speaks `requests`."""

    def __init__(self) -> None:
        super().__init__()
        self.trust_env = False

    def request(self, method: Any, url: Any, *args: Any, **kwargs: Any) -> requests.Response:
        require_safe(str(url))
        answer = super().request(method, url, *args, **{**kwargs, "timeout": TIMEOUT_S, "allow_redirects": False})
        if answer.is_redirect or len(answer.content) > LARGEST:
            raise requests.RequestException("the identity provider answered with a redirect or with too much")
        return answer


def require_safe(url: str) -> None:
    """https, or plain http to this very machine where the deployment allows that."""
    parts = urlsplit(url)
    loopback = settings.INTERLOCK_ALLOW_LOOPBACK and parts.hostname in ("localhost", "127.0.0.1", "::1")
    if not parts.hostname or parts.username or not (parts.scheme == "https" or (parts.scheme == "http" and loopback)):
        raise IdentityRefused("An identity provider is reached by https only.")


def claims_of(id_token: str, *, keys_url: str, issuer: str, client_id: str) -> dict[str, Any]:
    """The verified claims of an ID token; raises IdentityRefused. The signature is always checked."""
    try:
        key = _key(id_token, keys_url)
        claims: dict[str, Any] = jwt.decode(
            id_token,
            key=key.key,
            algorithms=list(ALGORITHMS),
            audience=client_id,
            issuer=issuer,
            leeway=LEEWAY_S,
            options={"require": ["iss", "sub", "aud", "exp", "iat"], "strict_aud": False},
        )
    except (jwt.PyJWTError, requests.RequestException, ValueError, KeyError) as error:
        raise IdentityRefused("The identity provider's token is not valid.") from error
    if isinstance(claims["aud"], list) and len(claims["aud"]) > 1 and claims.get("azp") != client_id:
        raise IdentityRefused("The identity provider's token is for somebody else.")
    return claims


def _key(id_token: str, keys_url: str) -> jwt.PyJWK:
    named = jwt.get_unverified_header(id_token)
    with Session() as session:
        answer = session.get(keys_url)
        answer.raise_for_status()
        found = jwt.PyJWKSet.from_dict(json.loads(answer.content))
    fitting = [key for key in found.keys if key.key_id == named.get("kid") and key.algorithm_name == named.get("alg")]
    if len(fitting) != 1:
        raise ValueError("no key of that name")
    return fitting[0]
