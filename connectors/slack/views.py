"""`POST /slack/<token>`: Slack's interactivity. The bytes are verified here before anything parses them."""

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.csrf import csrf_exempt
from slack_bolt.adapter.django import SlackRequestHandler

from connectors import access, inbound
from connectors.errors import EndpointNotFound, SignatureRefused
from connectors.models import SlackDelivery, WebhookEndpoint
from connectors.slack.interactivity import Interaction, app_for
from connectors.slack.signature import verify
from controlplane.lib import clock
from controlplane.lib.logs import get_logger
from tenants import scope

log = get_logger(__name__)


@method_decorator(csrf_exempt, name="dispatch")
class InteractivityView(View):
    """200 handled (also the same bytes again, which do nothing), 401 not signed by Slack, 404, 413."""

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
        except SignatureRefused as refused:
            log.warning("slack request refused: %s", refused.reason)
            return HttpResponse(status=401)

    def _handle(self, request: HttpRequest, token: str) -> HttpResponse:
        interaction = _take_in(request, token)
        if interaction is None:
            return HttpResponse(status=200)
        return SlackRequestHandler(app_for(interaction)).handle(request)


@transaction.atomic(durable=True)
def _take_in(request: HttpRequest, token: str) -> Interaction | None:
    """Verified and not seen before; None for a replay."""
    endpoint = access.endpoint(token, WebhookEndpoint.Scheme.SLACK)
    secrets = inbound.secrets_of(endpoint)
    headers = {name.lower(): value for name, value in request.headers.items()}
    proof = verify(headers=headers, body=request.body, secrets=secrets, now_s=clock.now_ms() // 1000)
    draft = SlackDelivery(endpoint=endpoint, digest=proof.replay_key)
    SlackDelivery.objects.bulk_create([draft], ignore_conflicts=True)
    if not SlackDelivery.objects.filter(pk=draft.pk).exists():
        return None
    return Interaction(endpoint, draft.pk, secrets[proof.secret_index].decode())
