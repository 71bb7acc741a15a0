"""Taking in a webhook: verify the exact bytes, keep them once, tell who listens, all in one transaction."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db import transaction

from connectors import access, classes, ports
from connectors.errors import DeliveryNotJson, DeliveryTooLarge
from connectors.events import WebhookBodyChanged, WebhookReceived
from connectors.gateway import tools
from connectors.models import ConnectorInstance, SlackDelivery, WebhookDelivery, WebhookEndpoint
from connectors.types import JsonObject
from connectors.webhooks import Verified, verify
from controlplane.lib import clock
from controlplane.lib.canonical import sha256_hex
from evidence.services import record
from tenants import payloads, scope, vault
from tenants.actors import Actor

BODY_LIMIT = 256 * 1024
REPLAY_GUARD = timedelta(minutes=15)
KEPT_HEADERS = ("webhook-id", "webhook-timestamp", "content-type", "user-agent")


@dataclass(frozen=True)
class Receipt:
    """`duplicate`: taken in before; nothing was started again."""

    delivery_id: UUID
    duplicate: bool


def receive(*, token: str, headers: Mapping[str, str], body: bytes) -> Receipt:
    """Take in one delivery. Header names in lower case, `body` the raw bytes.

    Raises EndpointNotFound (404), SignatureRefused (401), DeliveryTooLarge (413), DeliveryNotJson (422).
    """
    if len(body) > BODY_LIMIT:
        raise DeliveryTooLarge()
    with scope.enter(access.tenant_of_endpoint(token)):
        return _take_in(token, headers, body)


@transaction.atomic(durable=True)
def _take_in(token: str, headers: Mapping[str, str], body: bytes) -> Receipt:
    endpoint = access.endpoint(token, WebhookEndpoint.Scheme.STANDARD)
    proof = verify(headers=headers, body=body, secrets=secrets_of(endpoint), now_s=clock.now_ms() // 1000)
    content = _parsed(body)
    delivery, new = _keep(endpoint, proof, headers, body)
    if new:
        _tell(endpoint, delivery, content)
    return Receipt(delivery.pk, duplicate=not new)


@transaction.atomic(durable=True)
def forget_slack_deliveries() -> int:
    """Drop the guards against replays that the time window refuses by now; returns how many."""
    old = SlackDelivery.objects.filter(created_at__lt=clock.now() - REPLAY_GUARD)
    return old.delete()[0]


def secrets_of(endpoint: WebhookEndpoint) -> list[bytes]:
    """Every secret that may sign now: current and previous of both references."""
    refs = [ref for ref in (endpoint.secret_ref, endpoint.next_secret_ref) if ref]
    return [secret for ref in refs for secret in vault.reveal_pair(ref)]


def sender_of(endpoint: WebhookEndpoint) -> Actor:
    """The service identity that the endpoint was made for."""
    service = endpoint.service
    return Actor(service.kind, service.pk, scope.current(), service.label, "webhook")


def _parsed(body: bytes) -> JsonObject:
    """An object, with fractions as strings: there are no floats here."""
    try:
        content = json.loads(body, parse_float=str, parse_constant=str)
    except (ValueError, RecursionError) as error:
        raise DeliveryNotJson() from error
    if not isinstance(content, dict):
        raise DeliveryNotJson()
    return content


def _keep(
    endpoint: WebhookEndpoint, proof: Verified, headers: Mapping[str, str], body: bytes
) -> tuple[WebhookDelivery, bool]:
    """The row of this id and whether it is new. The unique key decides between two senders at once."""
    draft = WebhookDelivery(
        endpoint=endpoint,
        webhook_id=proof.webhook_id,
        body_sha256=sha256_hex(body),
        body_digest=payloads.put(body),
        headers={name: headers[name][:200] for name in KEPT_HEADERS if name in headers},
    )
    WebhookDelivery.objects.bulk_create([draft], ignore_conflicts=True)
    kept = WebhookDelivery.objects.get(endpoint=endpoint, webhook_id=proof.webhook_id)
    if kept.pk != draft.pk and kept.body_sha256 != draft.body_sha256:
        changed = WebhookBodyChanged(endpoint.pk, kept.webhook_id, kept.body_sha256, draft.body_sha256)
        record(changed, actor=sender_of(endpoint), workspace_id=endpoint.workspace_id)
    return kept, kept.pk == draft.pk


def _tell(endpoint: WebhookEndpoint, delivery: WebhookDelivery, content: JsonObject) -> None:
    sender = sender_of(endpoint)
    event = WebhookReceived(endpoint.pk, delivery.pk, delivery.webhook_id, delivery.body_sha256)
    record(event, actor=sender, workspace_id=endpoint.workspace_id)
    ports.received.get()(
        ports.Delivery(
            delivery_id=delivery.pk,
            endpoint_id=endpoint.pk,
            workspace_id=endpoint.workspace_id,
            environment_id=endpoint.environment_id,
            connector=endpoint.instance.name,
            driver=endpoint.instance.driver,
            event=endpoint.event,
            webhook_id=delivery.webhook_id,
            body=content,
            sender=sender,
            data_classes=_held_by(endpoint.instance),
        )
    )


def _held_by(instance: ConnectorInstance) -> frozenset[str]:
    return classes.of_events(tools.manifest_of(instance).actions.values(), instance.classes)
