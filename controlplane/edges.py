"""What no view answers is answered in the language of its edge: problem documents under /v1, pages elsewhere."""

from django.http import HttpRequest, HttpResponse
from django.views.defaults import bad_request

from controlplane.api import problems
from controlplane.console import refusals

API = "/v1/"


def malformed(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Refused before a view saw it: a host that is not ours, a broken header."""
    return problems.malformed() if request.path.startswith(API) else bad_request(request, exception)


def missing(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    if request.path.startswith(API):
        return problems.not_found()
    return refusals.missing(request, exception)


def failed(request: HttpRequest) -> HttpResponse:
    return problems.server_error() if request.path.startswith(API) else refusals.failed(request)
