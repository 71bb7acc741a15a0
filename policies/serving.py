"""Our side of OPA's management API: the bundle that a server pulls, and what it reports back.

The bundle carries its freshness statement, so it changes with every confirmation and denies by itself once nobody
confirms it. Reports are metadata: of a decision log we keep which decision under which revision, never its input.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from controlplane.lib import clock
from controlplane.lib.canonical import sha256_hex
from controlplane.lib.errors import Invalid, NotFound, Unavailable
from policies import active, bundles, point
from policies.engine.protocol import PointFailure
from policies.models import PointDecision, PointStatus
from tenants.actors import Actor
from tenants.models import Environment
from tenants.permissions import Perm, require

MOST_ENTRIES = 5_000


@dataclass(frozen=True, slots=True)
class Served:
    """A bundle as it goes over the wire, and the entity tag that changes with every byte of it."""

    content: bytes
    etag: str


@transaction.atomic
def bundle(*, environment_id: UUID, actor: Actor) -> Served:
    """The bundle in force, with its statement inside. Raises NotFound without one, Unavailable in doubt.

    Doubt leaves the server with what it has, which runs out by itself.
    """
    _require_server(environment_id, actor)
    try:
        statement, contents = active.in_force(environment_id)
    except PointFailure as failure:
        if failure.code == "bundle_missing":
            raise NotFound from failure
        raise Unavailable(failure.code) from failure
    signing = point.keyring().signing()
    content = bundles.build_served(contents, statement, key=signing.private, kid=signing.kid)
    return Served(content, f'"{sha256_hex(content)}"')


@transaction.atomic(durable=True)
def report_status(*, environment_id: UUID, document: Mapping[str, Any], actor: Actor) -> PointStatus:
    """Keep the latest status of one server: which revision it has, since when, and its last error."""
    _require_server(environment_id, actor)
    told = _mapping(_mapping(document.get("bundles")).get(str(environment_id)))
    row, _ = PointStatus.objects.update_or_create(
        environment_id=environment_id,
        server=_server_of(document),
        defaults={
            "revision": _text(told.get("active_revision"), 96),
            "code": _text(told.get("code"), 80),
            "message": _text(told.get("message"), 500),
            "reported_at": clock.now(),
        },
    )
    return row


@transaction.atomic(durable=True)
def take_log(*, environment_id: UUID, entries: object, actor: Actor) -> int:
    """Keep which decisions a server made; the same chunk again adds nothing. Returns how many were new."""
    _require_server(environment_id, actor)
    if not isinstance(entries, list) or len(entries) > MOST_ENTRIES:
        raise Invalid(f"a decision log is a list of up to {MOST_ENTRIES} entries")
    drafts = {row.decision_id: row for row in (_logged(environment_id, entry) for entry in entries)}
    known = set(PointDecision.objects.filter(decision_id__in=drafts).values_list("decision_id", flat=True))
    fresh = [row for decision_id, row in drafts.items() if decision_id not in known]
    PointDecision.objects.bulk_create(fresh, ignore_conflicts=True)
    return len(fresh)


def _logged(environment_id: UUID, entry: object) -> PointDecision:
    told = _mapping(entry)
    decision_id = _text(told.get("decision_id"), 64)
    if not decision_id:
        raise Invalid("an entry has no decision_id")
    result = _mapping(told.get("result"))
    return PointDecision(
        environment_id=environment_id,
        server=_server_of(told),
        decision_id=decision_id,
        request_id=_text(result.get("request_id"), 64),
        effect=_text(result.get("effect"), 16),
        revision=_text(_mapping(_mapping(told.get("bundles")).get(str(environment_id))).get("revision"), 96),
        path=_text(told.get("path"), 120),
        made_at=_moment(told.get("timestamp")),
    )


def _require_server(environment_id: UUID, actor: Actor) -> None:
    environment = Environment.objects.filter(pk=environment_id).first()
    if environment is None:
        raise NotFound
    require(actor, Perm.SERVE_POLICY, environment.workspace_id, environment.pk)


def _server_of(document: Mapping[str, Any]) -> str:
    return _text(_mapping(document.get("labels")).get("id"), 64)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: object, most: int) -> str:
    return value.replace("\0", "")[:most] if isinstance(value, str) else ""


def _moment(value: object) -> datetime:
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError as error:
        raise Invalid("an entry has no timestamp of RFC 3339") from error
    if moment.tzinfo is None:
        raise Invalid("a timestamp has no time zone")
    return moment
