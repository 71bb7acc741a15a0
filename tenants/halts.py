"""The kill switch.

Dispatch takes shared advisory locks on the scopes of its call and reads the halts in the next statement; to
engage takes the exclusive lock. So after `engage` has committed, no dispatch commits under that scope.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b
from uuid import UUID

from django.db import DatabaseError, connection, transaction
from django.db.models import Q
from psycopg import sql

from controlplane.lib import clock
from controlplane.lib.errors import Forbidden, Invalid, NotFound
from controlplane.lib.logs import get_logger
from tenants import ports, scope
from tenants.actors import Actor
from tenants.errors import HaltState, HaltsUnreadable, SecondPersonNeeded
from tenants.events import HaltConfirmed, HaltEngaged, HaltReleased, HaltReleaseRequested
from tenants.models import Halt, User
from tenants.permissions import Perm, require

log = get_logger(__name__)


class Kind(StrEnum):
    GLOBAL = "global"
    TENANT = "tenant"
    WORKSPACE = "workspace"
    ENVIRONMENT = "environment"
    WORKFLOW = "workflow"
    CONNECTOR = "connector"
    TOOL = "tool"
    AGENT = "agent"


@dataclass(frozen=True, order=True)
class Scope:
    """What a halt covers. `value` names it inside the tenant (empty for global and tenant)."""

    kind: Kind
    value: str = ""

    def __str__(self) -> str:
        return f"{self.kind}:{self.value}" if self.value else str(self.kind)

    def lock_key(self, tenant_id: UUID) -> int:
        owner = "" if self.kind is Kind.GLOBAL else str(tenant_id)
        digest = blake2b(f"halt|{owner}|{self}".encode(), digest_size=8).digest()
        return int.from_bytes(digest, "big", signed=True)


def hold(scopes: Iterable[Scope]) -> None:
    """Shared locks on the scopes of a call, in one fixed order; raises HaltsUnreadable when they are not to be had."""
    tenant_id = scope.current()
    keys = sorted({s.lock_key(tenant_id) for s in scopes})
    statement = sql.SQL(
        "SET LOCAL lock_timeout = '2s'; SELECT pg_advisory_xact_lock_shared(k) FROM unnest({}::bigint[]) k;"
        " SET LOCAL lock_timeout = DEFAULT"
    ).format(sql.Literal(keys))
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement.as_string())
    except DatabaseError as error:
        raise HaltsUnreadable(f"the kill switch is being moved or cannot be locked: {error}") from error


def active(scopes: Iterable[Scope]) -> list[Halt]:
    """Halts in force on any of the scopes, strictest mode first; raises HaltsUnreadable on any doubt."""
    wanted = Q(pk=None)
    for item in scopes:
        owner = Q(tenant_id=None) if item.kind is Kind.GLOBAL else Q(tenant_id=scope.current())
        wanted |= owner & Q(kind=item.kind, value=item.value)
    try:
        with transaction.atomic():
            return list(Halt.objects.filter(wanted, released_at=None).order_by("mode", "engaged_at"))
    except DatabaseError as error:
        raise HaltsUnreadable(f"the kill switch cannot be read: {error}") from error


def every_active() -> list[Halt]:
    """All halts in force that this tenant can see, its own and the deployment's."""
    visible = Q(tenant_id=None) | Q(tenant_id=scope.current())
    return list(Halt.objects.filter(visible, released_at=None).order_by("engaged_at"))


def history(limit: int = 50) -> list[Halt]:
    visible = Q(tenant_id=None) | Q(tenant_id=scope.current())
    return list(Halt.objects.filter(visible).order_by("-engaged_at")[:limit])


@transaction.atomic(durable=True)
def engage(*, scope: Scope, mode: str, reason: str, actor: Actor) -> Halt:
    """Stop what the scope covers. Waits for dispatches already committing, then no later one commits.

    Engaging never depends on evidence: if the record cannot be written, the halt stands and the record is
    filled from its row.
    """
    _check(scope, mode, reason)
    _authorise(scope, Perm.ENGAGE_HALT, actor)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [scope.lock_key(actor.tenant_id)])
    halt = Halt.objects.create(
        tenant_id=None if scope.kind is Kind.GLOBAL else actor.tenant_id,
        kind=scope.kind,
        value=scope.value,
        mode=mode,
        reason=reason.strip(),
        engaged_by=actor.id,
        engaged_by_label=actor.label,
        engaged_at=clock.now(),
    )
    _record_if_possible(halt, actor)
    return halt


@transaction.atomic(durable=True)
def confirm(*, halt_id: UUID, actor: Actor) -> bool:
    """Confirmed once no call dispatched before the halt is still in flight; False while one is."""
    halt = Halt.objects.select_for_update().get(pk=halt_id)
    if halt.confirmed_at is not None:
        return True
    if ports.in_flight.get()(kind=halt.kind, value=halt.value, before=halt.engaged_at):
        return False
    halt.confirmed_at = clock.now()
    halt.save(update_fields=["confirmed_at"])
    ports.record.get()(HaltConfirmed(halt.id), actor=actor)
    return True


@transaction.atomic(durable=True)
def make_good(*, actor: Actor) -> int:
    """Write the evidence of halts whose record could not be written when they were engaged."""
    missing = Halt.objects.select_for_update().filter(tenant_id=actor.tenant_id, recorded=False)
    return sum(_record_if_possible(halt, actor) for halt in missing)


@transaction.atomic(durable=True)
def request_release(*, halt_id: UUID, reason: str, actor: Actor) -> Halt:
    halt = _open_halt(halt_id)
    _authorise(Scope(Kind(halt.kind), halt.value), Perm.RELEASE_HALT, actor)
    if not reason.strip():
        raise Invalid("say why it is safe to go on", field="reason")
    if halt.release_requested_at is not None:
        raise HaltState("a release has been requested already: a second person releases it")
    halt.release_requested_by, halt.release_requested_at = actor.id, clock.now()
    halt.release_reason = reason.strip()
    halt.save()
    ports.record.get()(HaltReleaseRequested(halt.id, halt.release_reason), actor=actor)
    return halt


@transaction.atomic(durable=True)
def release(*, halt_id: UUID, actor: Actor) -> Halt:
    """The second person lets work go on. Raises SecondPersonNeeded for the one who asked for the release."""
    halt = _open_halt(halt_id)
    _authorise(Scope(Kind(halt.kind), halt.value), Perm.RELEASE_HALT, actor)
    requested_by = halt.release_requested_by
    if requested_by is None:
        raise HaltState("request the release first, with a reason; then a second person releases")
    if requested_by == actor.id:
        raise SecondPersonNeeded("you requested this release; somebody else must release it")
    halt.released_by, halt.released_at = actor.id, clock.now()
    halt.save()
    ports.record.get()(HaltReleased(halt.id, halt.engaged_by, requested_by), actor=actor)
    return halt


def _open_halt(halt_id: UUID) -> Halt:
    halt = Halt.objects.select_for_update().filter(pk=halt_id).first()
    if halt is None:
        raise NotFound
    if halt.released_at is not None:
        raise HaltState("this halt has been released already")
    return halt


def _check(wanted: Scope, mode: str, reason: str) -> None:
    if mode not in Halt.Mode.values:
        raise Invalid(f"mode is one of {', '.join(Halt.Mode.values)}", field="mode")
    if not reason.strip():
        raise Invalid("a halt needs a reason", field="reason")
    if bool(wanted.value) == (wanted.kind in {Kind.GLOBAL, Kind.TENANT}):
        raise Invalid(f"a halt of kind {wanted.kind} is named by its kind and value", field="value")


def _authorise(wanted: Scope, perm: Perm, actor: Actor) -> None:
    require(actor, perm)
    if wanted.kind is Kind.GLOBAL and not User.objects.filter(pk=actor.id, is_staff=True).exists():
        raise Forbidden(f"{actor.label} is not a platform operator: halt the tenant instead", field="kind")


def _record_if_possible(halt: Halt, actor: Actor) -> bool:
    """The halt stands even when its record cannot be written; `recorded` then stays False and is made good."""
    try:
        with transaction.atomic():
            named = Scope(Kind(halt.kind), halt.value)
            ports.record.get()(HaltEngaged(halt.id, str(named), halt.mode, halt.reason), actor=actor)
            halt.recorded = True
            halt.save(update_fields=["recorded"])
    except DatabaseError:
        log.exception("halt engaged without its evidence; it will be recorded from the row")
        return False
    return True
