"""Who speaks for the record, and who outside has seen it: keys, heads and anchors, epochs, what was set aside, guards.

All of it is read from what is stored, so nobody outside is asked when somebody looks.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from controlplane.lib import clock
from evidence import keyrings, lateness
from evidence.access import exportable
from evidence.errors import OutsideMisconfigured
from evidence.models import Anchor, Checkpoint, Cosignature, Event, LogHead, Outlet, Quarantine
from evidence.outside import Outside, configured
from evidence.verify import dsse, envelope, keyring, timestamp
from evidence.verify.malformed import Malformed
from tenants.actors import Actor
from tenants.permissions import Perm, require

MOST = 50
GUARDS = ("guard.attested", "guard.changed")
NOBODY = Outside()


@dataclass(frozen=True)
class Key:
    """A sealing key; `state` is VALID, LATER, EXPIRED or REVOKED."""

    kid: str
    use: str
    not_before: datetime
    not_after: datetime
    revoked_at: datetime | None
    state: str


@dataclass(frozen=True)
class Ring:
    """The newest keyring; `signed_by` are the root keys that speak for it."""

    version: int
    scope: str
    issued_at: datetime
    signed_by: tuple[str, ...]
    keys: tuple[Key, ...]


@dataclass(frozen=True)
class Seen:
    """Somebody outside has the head of `size` leaves since `at`; `by` is their name."""

    by: str
    size: int
    at: datetime | None


@dataclass(frozen=True)
class Log:
    """A log and its newest signed head. `late`: who outside should have seen it by now and has not."""

    id: UUID
    label: str
    origin: str
    size: int
    signed_size: int
    signed_at: datetime | None
    root: str
    frozen_reason: str
    stamps: tuple[Seen, ...]
    cosignatures: tuple[Seen, ...]
    pushes: tuple[Seen, ...]
    late: tuple[str, ...]


@dataclass(frozen=True)
class Epoch:
    """A log that went on after a restore: `kept` of `signed` leaves were left. `at`: when it was decided."""

    log: str
    origin: str
    previous: str
    kept: int
    signed: int
    cause: str
    reason: str
    at: datetime

    @property
    def lost(self) -> int:
        return self.signed - self.kept


@dataclass(frozen=True)
class SetAside:
    """An event that did not become a leaf, and why."""

    event_id: UUID
    log: str
    reason: str
    at: datetime


@dataclass(frozen=True)
class Guard:
    """What was attested last of the guards of the tables; `faults` is empty while they stand."""

    digest: str
    faults: tuple[str, ...]
    attested_at: datetime


@dataclass(frozen=True)
class Custody:
    """`ring` and `guard` are None before the first head is signed; `problem`: why nobody outside can be named."""

    ring: Ring | None
    logs: tuple[Log, ...]
    epochs: tuple[Epoch, ...]
    set_aside: tuple[SetAside, ...]
    guard: Guard | None
    authorities: tuple[str, ...]
    witnesses: tuple[str, ...]
    quorum: int
    places: tuple[str, ...]
    problem: str


def read(actor: Actor) -> Custody:
    """For whoever may export evidence somewhere, about the logs that they may export from; raises PermissionMissing."""
    require(actor, Perm.EXPORT_EVIDENCE)
    names = exportable(actor)
    outside, problem = _outside()
    places = tuple(place.name for place in outside.places if place.tenant_id == actor.tenant_id)
    heads = LogHead.objects.filter(pk__in=names).order_by("id")
    return Custody(
        ring=_ring(),
        logs=tuple(_log(head, names[head.pk], outside) for head in heads),
        epochs=_epochs(names),
        set_aside=_set_aside(names),
        guard=_guard(actor.tenant_id),
        authorities=tuple(server.trusted.name for server in outside.tsas),
        witnesses=tuple(server.trusted.name for server in outside.witnesses),
        quorum=outside.quorum,
        places=places,
        problem=problem,
    )


def _outside() -> tuple[Outside, str]:
    try:
        return configured(), ""
    except OutsideMisconfigured as error:
        return NOBODY, str(error.detail)


def _ring() -> Ring | None:
    found = keyrings.newest()
    if found is None:
        return None
    ring, sealed = found
    signed = dsse.parse(sealed.encode(), keyring.PAYLOAD_TYPE).signatures
    keys = sorted(ring.keys, key=lambda key: (key.not_before, key.use), reverse=True)
    return Ring(
        ring.version, ring.scope, _moment(ring.issued_at), tuple(kid for kid, _ in signed), tuple(map(_key, keys))
    )


def _key(key: keyring.Key) -> Key:
    revoked = None if key.revoked_at is None else _moment(key.revoked_at)
    return Key(key.kid, key.use, _moment(key.not_before), _moment(key.not_after), revoked, _state(key, clock.now_ms()))


def _state(key: keyring.Key, now: int) -> str:
    if key.revoked_at is not None:
        return "REVOKED"
    if now < key.not_before:
        return "LATER"
    return "VALID" if now <= key.not_after else "EXPIRED"


def _log(head: LogHead, label: str, outside: Outside) -> Log:
    newest = Checkpoint.objects.filter(log_id=head.pk).order_by("-size").first()
    return Log(
        id=head.pk,
        label=label,
        origin=head.origin,
        size=head.size,
        signed_size=head.signed_size,
        signed_at=newest.created_at if newest else None,
        root=bytes(newest.root).hex() if newest else "",
        frozen_reason=head.frozen_reason,
        stamps=_stamps(head.pk, outside),
        cosignatures=_cosignatures(head.pk),
        pushes=_pushes(head.pk),
        late=tuple(lateness.of(head, outside)),
    )


def _stamps(log_id: UUID, outside: Outside) -> tuple[Seen, ...]:
    """The time stamps of the newest anchor, by the authorities that are known here."""
    newest = Anchor.objects.filter(log_id=log_id).order_by("-size", "-id").first()
    if newest is None:
        return ()
    return tuple(_stamp(newest, bytes.fromhex(token), outside) for token in newest.tokens)


def _stamp(anchor: Anchor, data: bytes, outside: Outside) -> Seen:
    try:
        token = timestamp.parse(data)
    except Malformed:
        return Seen("unreadable", anchor.size, None)
    named = (server.trusted.name for server in outside.tsas if token.names(server.trusted.certificate))
    return Seen(next(named, "an authority that is no longer named"), anchor.size, _moment(token.time_ms))


def _cosignatures(log_id: UUID) -> tuple[Seen, ...]:
    """The newest of each witness."""
    rows = Cosignature.objects.filter(log_id=log_id).order_by("name", "-size").distinct("name")
    return tuple(Seen(row.name, row.size, row.created_at) for row in rows)


def _pushes(log_id: UUID) -> tuple[Seen, ...]:
    rows = Outlet.objects.filter(log_id=log_id).order_by("place")
    return tuple(Seen(row.place, row.size, row.pushed_at) for row in rows)


def _epochs(names: dict[UUID, str]) -> tuple[Epoch, ...]:
    rows = Event.objects.filter(log_id__in=names, type="log.continued").order_by("-id")[:MOST]
    return tuple(_epoch(row, names[row.log_id]) for row in rows)


def _epoch(row: Event, label: str) -> Epoch:
    said: dict[str, Any] = envelope.parse_event(bytes(row.body)).data
    told = {name: said[name] for name in ("origin", "previous", "kept", "signed", "cause", "reason")}
    return Epoch(log=label, at=row.created_at, **told)


def _set_aside(names: dict[UUID, str]) -> tuple[SetAside, ...]:
    rows = Quarantine.objects.filter(log_id__in=names).order_by("-created_at", "-id")[:MOST]
    return tuple(SetAside(row.pk, names[row.log_id], row.reason, row.created_at) for row in rows)


def _guard(tenant_id: UUID) -> Guard | None:
    head = LogHead.objects.filter(pk=tenant_id).exclude(guard="").first()
    told = Event.objects.filter(log_id=tenant_id, type__in=GUARDS).order_by("-id").first()
    if head is None or told is None:
        return None
    return Guard(head.guard, tuple(head.guard_faults.splitlines()), told.created_at)


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=milliseconds)
