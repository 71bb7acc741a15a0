"""Doors for machines: webhooks. Signatures stand in for sessions here, so there is no CSRF token."""

from django.http import HttpRequest, JsonResponse
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.csrf import csrf_exempt

from connectors import inbound
from connectors.errors import DeliveryTooLarge, SignatureRefused
from controlplane.lib.errors import DomainError
from controlplane.lib.logs import get_logger

log = get_logger(__name__)


@method_decorator(csrf_exempt, name="dispatch")
class WebhookView(View):
    """`POST /hooks/<token>`: 202 taken in (also a duplicate), 401, 404, 413, 422. Errors echo nothing."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, token: str) -> JsonResponse:
        try:
            receipt = inbound.receive(token=token, headers=_headers(request), body=_body(request))
        except SignatureRefused as refused:
            log.warning("webhook refused: %s", refused.reason)
            return JsonResponse({"code": refused.code}, status=refused.status)
        except DomainError as error:
            return JsonResponse({"code": error.code}, status=error.status)
        return JsonResponse({"id": str(receipt.delivery_id), "duplicate": receipt.duplicate}, status=202)


def _headers(request: HttpRequest) -> dict[str, str]:
    return {name.lower(): value for name, value in request.headers.items()}


def _body(request: HttpRequest) -> bytes:
    """The raw bytes, refused by their declared length before they are read."""
    declared = request.headers.get("Content-Length", "0")
    if not declared.isdigit() or int(declared) > inbound.BODY_LIMIT:
        raise DeliveryTooLarge()
    return request.body
