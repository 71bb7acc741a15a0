"""Light, dark, or what the system says. A cookie, so that the server paints the first pixel right."""

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views import View

COOKIE = "theme"
A_YEAR = 31_536_000  # seconds
THEMES = frozenset({"light", "dark"})


def theme(request: HttpRequest) -> dict[str, Any]:
    """Context processor: the chosen theme, or nothing to follow the system."""
    chosen = request.COOKIES.get(COOKIE, "")
    return {"theme": chosen if chosen in THEMES else ""}


class Theme(View):
    def post(self, request: HttpRequest) -> HttpResponse:
        response = HttpResponseRedirect(local_path(request, request.POST.get("next", "")))
        chosen = request.POST.get("theme", "")
        if chosen in THEMES:
            response.set_cookie(
                COOKIE, chosen, max_age=A_YEAR, httponly=True, samesite="Lax", secure=request.is_secure()
            )
        else:
            response.delete_cookie(COOKIE)
        return response


def local_path(request: HttpRequest, wanted: str) -> str:
    """The wanted address if it is on this host, else the start page: no open redirect."""
    safe = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    return wanted if safe else "/"
