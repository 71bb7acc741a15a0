"""The record as a stream for a SIEM: sealed events in the order of their leaves, from any index on, as often as asked.

The reader keeps the cursor, the index that it wants next: a batch that got lost is asked for again and is the same.
Two views: CloudEvents 1.0 (github.com/cloudevents/spec) and OCSF (schema.ocsf.io) with its profile `record_integrity`.
Neither is what is signed: that are the bytes in `data` and `raw_data`, whose leaf hash each event carries.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from evidence import access
from evidence.models import Event, Leaf
from evidence.verify import envelope, merkle
from tenants.actors import Actor
from tenants.permissions import Perm

LARGEST = 1000
OCSF_VERSION = "1.9.0-dev"
_BASE_EVENT, _OTHER, _INFORMATIONAL, _SHA_256 = 0, 99, 1, 3


@dataclass(frozen=True)
class Batch:
    """Up to a limit of events, the index to ask for next, and the newest signed head."""

    events: list[dict[str, Any]]
    next: int
    note: str


@dataclass(frozen=True)
class Sealed:
    """An event with the leaf that commits to it."""

    index: int
    body: bytes
    leaf: bytes

    @property
    def fingerprint(self) -> str:
        return merkle.leaf_hash(self.leaf).hex()


def batch(actor: Actor, *, log_id: UUID, begin: int, limit: int, form: str) -> Batch:
    """Events of a log from leaf `begin` on, in one of `FORMS`; what was pruned is passed over. Needs EXPORT_EVIDENCE
    there."""
    head = access.log_head(actor, log_id, Perm.EXPORT_EVIDENCE)
    rows = Leaf.objects.filter(log_id=log_id, index__gte=begin, index__lt=head.signed_size).order_by("index")[:limit]
    leaves = list(rows)
    bodies = dict(Event.objects.filter(pk__in=[leaf.pk for leaf in leaves]).values_list("pk", "body"))
    found = [Sealed(leaf.index, bytes(bodies[leaf.pk]), bytes(leaf.leaf)) for leaf in leaves if leaf.pk in bodies]
    newest = access.latest_checkpoint(log_id)
    following = leaves[-1].index + 1 if leaves else begin
    return Batch([FORMS[form](one) for one in found], following, newest.note if newest else "")


def cloud_event(sealed: Sealed) -> dict[str, Any]:
    """CloudEvents 1.0.2 in the JSON event format; `sequence` is the index of the leaf (extension Sequence)."""
    event = envelope.parse_event(sealed.body)
    shown: dict[str, Any] = {
        "specversion": "1.0",
        "id": event.id,
        "source": f"//{event.origin}",
        "type": f"dev.interlock.{event.type}",
        "time": _utc(event.time_ms),
        "datacontenttype": "application/json",
        "sequence": str(sealed.index),
        "sequencetype": "Integer",
        "evleaf": sealed.fingerprint,
        "data": json.loads(sealed.body),
    }
    return {**shown, "subject": event.run} if event.run else shown


def ocsf(sealed: Sealed) -> dict[str, Any]:
    """A base event of OCSF; the record's own bytes stand in `raw_data`, its leaf hash is the fingerprint."""
    event = envelope.parse_event(sealed.body)
    shown: dict[str, Any] = {
        "activity_id": _OTHER,
        "activity_name": event.type,
        "category_uid": _BASE_EVENT,
        "class_uid": _BASE_EVENT,
        "type_uid": _BASE_EVENT * 100 + _OTHER,
        "severity_id": _INFORMATIONAL,
        "time": event.time_ms,
        "message": event.type,
        "metadata": {
            "version": OCSF_VERSION,
            "profiles": ["record_integrity"],
            "product": {"name": "Interlock", "vendor_name": "Interlock"},
            "uid": event.id,
            "sequence": sealed.index,
            "log_name": event.origin,
        },
        "attestation": {
            "uid": event.id,
            "authority_uid": event.origin.split("/")[0],
            "chain_uid": event.origin,
            "fingerprint": {"algorithm": "SHA-256", "algorithm_id": _SHA_256, "value": sealed.fingerprint},
        },
        "unmapped": {"actor": event.actor, "data": event.data},
        "raw_data": sealed.body.decode(),
    }
    if event.run:
        shown["metadata"]["correlation_uid"] = event.run
    return shown


FORMS: Mapping[str, Callable[[Sealed], dict[str, Any]]] = {"cloudevents": cloud_event, "ocsf": ocsf}
MEDIA_TYPES = {"cloudevents": "application/cloudevents-batch+json", "ocsf": "application/json"}


def _utc(at_ms: int) -> str:
    at = datetime.fromtimestamp(at_ms // 1000, UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at_ms % 1000:03d}Z"
