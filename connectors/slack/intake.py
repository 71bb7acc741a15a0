"""Taking in an interaction of Slack, whichever way it came: the bytes of HTTP or the envelope of a socket.

Each way proves Slack before anything is believed: a signature over the bytes, or the line that our own app token
opened. A click carries a trigger that Slack hands out once, so the same click signed anew does nothing either, once it
is handled (`connectors.slack.once`).
"""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID

from django.db import transaction

from connectors import access, inbound
from connectors.errors import DeliveryNotJson, SignatureRefused
from connectors.models import WebhookEndpoint
from connectors.slack import clicks, once
from connectors.slack.once import Interaction
from connectors.slack.signature import verify
from connectors.types import JsonObject
from controlplane.lib import clock
from controlplane.lib.canonical import sha256_hex


@transaction.atomic
def signed(*, token: str, headers: Mapping[str, str], body: bytes) -> Interaction | None:
    """A request over HTTP, header names in lower case; None when it was handled before.

    Raises EndpointNotFound, SignatureRefused, and DeliveryNotJson for what Slack signed but we cannot read.
    """
    endpoint = access.endpoint(token, WebhookEndpoint.Scheme.SLACK)
    secrets = inbound.secrets_of(endpoint)
    proof = verify(headers=headers, body=body, secrets=secrets, now_s=clock.now_ms() // 1000)
    keys = [proof.replay_key, *_trigger(_payload(body))]
    return _unhandled(Interaction(endpoint, keys, secrets[proof.secret_index].decode()))


@transaction.atomic
def enveloped(*, endpoint_id: UUID, envelope_id: str, payload: JsonObject) -> Interaction | None:
    """An envelope of Socket Mode; None when it was handled before.

    Raises EndpointNotFound, SignatureRefused (too old).
    """
    endpoint = access.listening_endpoint(endpoint_id)
    if not clicks.fresh(payload, clock.now_ms() // 1000):
        raise SignatureRefused("an old click in a new envelope")
    keys = [sha256_hex(f"envelope:{envelope_id}".encode()), *_trigger(payload)]
    return _unhandled(Interaction(endpoint, keys, ""))


def _unhandled(interaction: Interaction) -> Interaction | None:
    return None if once.is_handled(interaction) else interaction


def _trigger(payload: Mapping[str, Any]) -> list[str]:
    trigger = payload.get("trigger_id")
    return [sha256_hex(f"trigger:{trigger}".encode())] if isinstance(trigger, str) and trigger else []


def _payload(body: bytes) -> JsonObject:
    try:
        found = json.loads(parse_qs(body.decode())["payload"][0])
    except (ValueError, KeyError, RecursionError) as error:
        raise DeliveryNotJson() from error
    if not isinstance(found, dict):
        raise DeliveryNotJson()
    return found
