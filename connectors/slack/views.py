"""`POST /slack/<token>`: Slack's interactivity. The bytes are verified here before anything parses them."""

from django.http import HttpRequest, HttpResponse
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.csrf import csrf_exempt
from slack_bolt.adapter.django import SlackRequestHandler

from connectors import access, inbound
from connectors.errors import DeliveryNotJson, EndpointNotFound, SignatureRefused
from connectors.slack import intake
from connectors.slack.interactivity import app_for
from controlplane.lib.logs import get_logger
from tenants import scope

log = get_logger(__name__)


@method_decorator(csrf_exempt, name="dispatch")
class InteractivityView(View):
    """200 handled (also the same click again, which does nothing), 401 not signed by Slack, 404, 413, 422."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, token: str) -> HttpResponse:
        declared = request.headers.get("Content-Length", "0")
        if not declared.isdigit() or int(declared) > inbound.BODY_LIMIT:
            return HttpResponse(status=413)
        try:
            with scope.enter(access.tenant_of_endpoint(token)):
                return self._handle(request, token)
        except EndpointNotFound:
            return HttpResponse(status=404)
        except DeliveryNotJson:
            return HttpResponse(status=422)
        except SignatureRefused as refused:
            log.warning("slack request refused: %s", refused.reason)
            return HttpResponse(status=401)

    def _handle(self, request: HttpRequest, token: str) -> HttpResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        interaction = intake.signed(token=token, headers=headers, body=request.body)
        if interaction is None:
            return HttpResponse(status=200)
        return SlackRequestHandler(app_for(interaction)).handle(request)
