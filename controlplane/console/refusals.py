"""The console's translator of refusals: a status, a sentence, and what to do next."""

from types import MappingProxyType

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from controlplane.lib.errors import DomainError

NEXT_STEPS: MappingProxyType[int, str] = MappingProxyType(
    {
        403: "An administrator of your organisation can grant the missing permission.",
        404: "It may have been removed, or it belongs to an organisation that you are not a member of.",
        409: "Go back, read what is there now, and decide again.",
        429: "Wait a moment, then try again.",
        500: "The error is in the log. If it happens again, tell the people who run this installation.",
        503: "Nothing was sent and nothing was changed. Try again in a minute.",
    }
)


def page(request: HttpRequest, refusal: DomainError) -> HttpResponse:
    return _refused(request, refusal.status, refusal.title, refusal.detail, refusal.code)


def forbidden(request: HttpRequest, exception: PermissionDenied | None = None) -> HttpResponse:
    detail = str(exception or "") or "Your role does not allow this."
    return _refused(request, 403, "You may not do this", detail)


def forgery(request: HttpRequest, reason: str = "") -> HttpResponse:  # noqa: ARG001 - Django names it
    """CSRF: the form was too old, or came from somewhere else."""
    return _refused(request, 403, "The form is out of date", "Open the page again and send the form from there.")


def missing(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:  # noqa: ARG001
    return _refused(request, 404, "Not found", "There is nothing at this address for you.")


def failed(request: HttpRequest) -> HttpResponse:
    return _refused(request, 500, "Something broke", "The page could not be made. Nothing that you sent was half done.")


def _refused(request: HttpRequest, status: int, title: str, detail: str, code: str = "") -> HttpResponse:
    context = {
        "status": status,
        "title": title,
        "detail": detail,
        "code": code,
        "next_step": NEXT_STEPS.get(status, ""),
    }
    return render(request, "console/refused.html", context, status=status)
