"""Errors as RFC 9457 problem documents: the one translator of this edge."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.http import Http404, JsonResponse
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler

from controlplane.lib.errors import DomainError
from controlplane.lib.logs import get_logger

CONTENT_TYPE = "application/problem+json"
TYPE_BASE = "https://interlock.dev/problems/"

log = get_logger(__name__)


def document(*, status: int, code: str, title: str, detail: str = "", **extra: Any) -> dict[str, Any]:
    """Members of a problem document; `code` is stable and for machines."""
    members = {"type": TYPE_BASE + code, "title": title, "status": status, "code": code, **_plain(extra)}
    return {**members, "detail": detail} if detail else members


def translate(error: Exception, context: dict[str, Any]) -> Response | None:
    """Django REST framework's exception handler."""
    if isinstance(error, DomainError):
        body = document(status=error.status, code=error.code, title=error.title, detail=error.detail, **error.extra)
        return _respond(error.status, body, {})
    if isinstance(error, RequestDataTooBig):
        return _respond(413, document(status=413, code="too_large", title="The request is too large"), {})
    if isinstance(error, Http404 | PermissionDenied):
        return _respond(404, document(status=404, code="not_found", title="Not found"), {})
    standard = exception_handler(error, context)
    if standard is None or not isinstance(error, exceptions.APIException):
        return None
    return _respond(standard.status_code, _of_framework(error, standard.status_code), dict(standard.headers))


def _of_framework(error: exceptions.APIException, status: int) -> dict[str, Any]:
    if isinstance(error, exceptions.ValidationError):
        return document(
            status=status, code="invalid", title="The request is not valid", errors=error.get_full_details()
        )
    code = str(error.get_codes()) if isinstance(error.get_codes(), str) else "invalid"
    return document(status=status, code=code, title=str(error.default_detail), detail=str(error.detail))


def _respond(status: int, body: dict[str, Any], headers: Mapping[str, str]) -> Response:
    kept = {name: value for name, value in headers.items() if name in {"WWW-Authenticate", "Retry-After", "Allow"}}
    return Response(body, status=status, headers=kept, content_type=CONTENT_TYPE)


def not_found() -> JsonResponse:
    """For a path under /v1 that no view has."""
    body = document(status=404, code="not_found", title="Not found")
    return JsonResponse(body, status=404, content_type=CONTENT_TYPE)


def malformed() -> JsonResponse:
    """For a request that is refused before a view sees it, such as one to a host that is not ours."""
    body = document(status=400, code="malformed", title="The request cannot be read")
    return JsonResponse(body, status=400, content_type=CONTENT_TYPE)


def server_error() -> JsonResponse:
    """Says nothing of the inside; the log line has it."""
    body = document(
        status=500, code="internal_error", title="Something failed on our side", detail="Nothing was half-written."
    )
    return JsonResponse(body, status=500, content_type=CONTENT_TYPE)


def _plain(extra: Mapping[str, Any]) -> dict[str, Any]:
    return {name: v if isinstance(v, str | int | bool | list | dict | None) else str(v) for name, v in extra.items()}
