"""Content-Security-Policy of every response: nothing inline, nothing from another origin, Trusted Types.

https://www.w3.org/TR/CSP3/ and https://www.w3.org/TR/trusted-types/. A page that needs an exception is named
in `EXCEPTIONS`; there is no other way to weaken the policy. `ISOLATED` pages have a stricter one.
"""

import secrets
from collections.abc import Callable
from types import MappingProxyType

from django.http import HttpRequest, HttpResponse

HEADER = "Content-Security-Policy"

STRICT = MappingProxyType(
    {
        "default-src": "'none'",
        "script-src": "'self' 'nonce-{nonce}'",
        "style-src": "'self' 'nonce-{nonce}'",
        "img-src": "'self' data:",
        "font-src": "'self'",
        "connect-src": "'self'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
        "base-uri": "'none'",
        "object-src": "'none'",
        "manifest-src": "'self'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "htmx",
    }
)

# path prefix (below the tenant's mount) → directives left out there, and why
EXCEPTIONS: MappingProxyType[str, frozenset[str]] = MappingProxyType(
    {
        # Django's admin ships jQuery and Select2, which write through sinks that Trusted Types refuses.
        "/admin/": frozenset({"require-trusted-types-for", "trusted-types"}),
    }
)

# ends of paths of pages that open files of their reader, and of their script, which is also a worker under a policy of
# its own: nothing may leave them, whatever the script wants
ISOLATED = ("/evidence/verify/", "/dist/verify.js")
CLOSED = MappingProxyType(
    {
        "connect-src": "'none'",
        "form-action": "'none'",
        "font-src": "'none'",
        "img-src": "data:",
        "manifest-src": "'none'",
        "worker-src": "'self'",
        "trusted-types": "htmx verifier",
    }
)


def policy_for(path_info: str, nonce: str) -> str:
    """The header's value for a path as the URL resolver sees it."""
    left_out = next((out for prefix, out in EXCEPTIONS.items() if path_info.startswith(prefix)), frozenset())
    whole = {**STRICT, **CLOSED} if path_info.endswith(ISOLATED) else STRICT
    kept = {name: value for name, value in whole.items() if name not in left_out}
    return "; ".join(f"{name} {value}" for name, value in kept.items()).replace("{nonce}", nonce)


class ContentSecurityPolicy:
    """Gives each request a fresh `csp_nonce` and each response the policy that carries it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        nonce = secrets.token_urlsafe(16)
        request.csp_nonce = nonce  # type: ignore[attr-defined]
        response = self.get_response(request)
        response.headers[HEADER] = policy_for(request.path_info, nonce)
        return response
