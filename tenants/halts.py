"""The kill switch.

Dispatch takes shared advisory locks on the scopes of its call and reads the halts in the next statement; to
engage takes the exclusive lock. So after `engage` has committed, no dispatch commits under that scope.
"""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db import DatabaseError, connection, transaction
from django.db.models import Q

from controlplane.lib import clock
from controlplane.lib.errors import Forbidden, Invalid, NotFound
from controlplane.lib.logs import get_logger
from tenants import halt_locks, ports, scope
from tenants.actors import Actor
from tenants.errors import HaltState, HaltsUnreadable, SecondPersonNeeded
from tenants.events import HaltConfirmed, HaltEngaged, HaltReleased, HaltReleaseRequested
from tenants.halt_scopes import Kind as Kind
from tenants.halt_scopes import Scope as Scope
from tenants.models import Environment, Halt, User, Workspace
from tenants.permissions import Perm, holds, require

log = get_logger(__name__)

_IN_FORCE = "SELECT 1 FROM tenants_halt WHERE released_at IS NULL AND (tenant_id IS NULL OR tenant_id = %s) LIMIT 1"


def hold(scopes: Iterable[Scope]) -> None:
    """Shared locks on the scopes of a call, in one fixed order; raises HaltsUnreadable when they are not to be had."""
    tenant_id = scope.current()
    halt_locks.share(s.lock_key(tenant_id) for s in scopes)


def active(scopes: Iterable[Scope]) -> list[Halt]:
    """Halts in force on any of the scopes, strictest mode first; raises HaltsUnreadable on any doubt."""
    if not _any_in_force():
        return []
    wanted = Q(pk=None)
    for item in scopes:
        owner = Q(tenant_id=None) if item.kind is Kind.GLOBAL else Q(tenant_id=scope.current())
        wanted |= owner & Q(kind=item.kind, value=item.value)
    try:
        with transaction.atomic():
            return list(Halt.objects.filter(wanted, released_at=None).order_by("mode", "engaged_at"))
    except DatabaseError as error:
        raise HaltsUnreadable(f"the kill switch cannot be read: {error}") from error


def _any_in_force() -> bool:
    """Most often nothing is halted anywhere, and asking that is cheap; raises HaltsUnreadable."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(_IN_FORCE, [scope.current()])
            return cursor.fetchone() is not None
    except DatabaseError as error:
        raise HaltsUnreadable(f"the kill switch cannot be read: {error}") from error


def every_active() -> list[Halt]:
    """All halts in force that this tenant can see, its own and the deployment's; drills stop nothing real."""
    return list(Halt.objects.filter(_visible(), released_at=None, drill=False).order_by("engaged_at"))


def since(moment: datetime) -> list[Halt]:
    """Halts that held at some time after the moment, the present ones among them; drills stop nothing real."""
    return list(Halt.objects.filter(_visible(), drill=False).exclude(released_at__lte=moment).order_by("engaged_at"))


def history(limit: int = 50) -> list[Halt]:
    return list(Halt.objects.filter(_visible(), drill=False).order_by("-engaged_at")[:limit])


def tenants_concerned() -> list[UUID]:
    """Tenants in which a halt is in force or not wholly on record yet. Needs no scope, an open transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tenant_id FROM routing.tenants_under_halt()")
        return [row[0] for row in cursor.fetchall()]


def _visible() -> Q:
    return Q(tenant_id=None) | Q(tenant_id=scope.current())


@transaction.atomic(durable=True)
def engage(*, scope: Scope, mode: str, reason: str, actor: Actor) -> Halt:
    """Stop what the scope covers. Waits for dispatches already committing, then no later one commits.

    Engaging never depends on evidence: if the record cannot be written, the halt stands and the record is
    filled from its row. Confirmed at once when nothing that was dispatched before is in flight.
    """
    _authorise(scope, Perm.ENGAGE_HALT, actor)
    return put_in_force(scope=scope, mode=mode, reason=reason, actor=actor)


def put_in_force(
    *, scope: Scope, mode: str, reason: str, actor: Actor, trigger_id: UUID | None = None, drill: bool = False
) -> Halt:
    """The same inside an open transaction, for what has its own leave to engage (triggers, drills)."""
    _check(scope, mode, reason)
    halt_locks.seize(scope.lock_key(actor.tenant_id))
    halt = Halt.objects.create(
        tenant_id=None if scope.kind is Kind.GLOBAL else actor.tenant_id,
        kind=scope.kind,
        value=scope.value,
        mode=mode,
        reason=reason.strip()[:500],
        engaged_by=actor.id,
        engaged_by_label=actor.label,
        engaged_at=clock.now(),
        told_in=actor.tenant_id,
        trigger_id=trigger_id,
        drill=drill,
    )
    _tell(halt, actor)
    _confirm_if_quiet(halt, actor)
    return halt


@transaction.atomic(durable=True)
def confirm(*, halt_id: UUID, actor: Actor) -> bool:
    """Confirmed once no call dispatched before the halt is still in flight; False while one is."""
    return _confirm_if_quiet(Halt.objects.select_for_update().get(pk=halt_id), actor)


@transaction.atomic(durable=True)
def make_good(*, actor: Actor) -> int:
    """Write what could not be written into the record when halts were engaged or confirmed; returns how many."""
    untold = Q(recorded=False) | Q(confirm_recorded=False, confirmed_at__isnull=False)
    missing = Halt.objects.select_for_update().filter(untold, told_in=actor.tenant_id)
    return sum(_tell(halt, actor) for halt in missing)


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


def may_release(halt: Halt, actor: Actor) -> bool:
    """What a page offers; the verb decides, and wants a second person."""
    try:
        _authorise(Scope(Kind(halt.kind), halt.value), Perm.RELEASE_HALT, actor)
    except Forbidden:
        return False
    return True


def end_drill(*, halt_id: UUID, actor: Actor) -> None:
    """In an open transaction: a rehearsal is over. It stopped nothing real, so it takes no second person."""
    halt = _open_halt(halt_id)
    if not halt.drill:
        raise HaltState("this is no drill: two people release it")
    halt.released_by, halt.released_at = actor.id, clock.now()
    halt.save(update_fields=["released_by", "released_at"])
    ports.record.get()(HaltReleased(halt.id, halt.engaged_by, actor.id), actor=actor)


def drills_in_force() -> list[UUID]:
    """Halts that a rehearsal left behind when it was killed."""
    return list(Halt.objects.filter(released_at=None, drill=True).values_list("pk", flat=True))


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
    """By the permission; whoever stands beside the database may stop, never release."""
    if perm is Perm.ENGAGE_HALT and actor.kind == "system" and actor.method == "host":
        return
    if not _held_there(wanted, perm, actor):
        require(actor, perm, _workspace_of(wanted))
    if wanted.kind is Kind.GLOBAL and not User.objects.filter(pk=actor.id, is_staff=True).exists():
        raise Forbidden(f"{actor.label} is not a platform operator: halt the tenant instead", field="kind")


def _held_there(wanted: Scope, perm: Perm, actor: Actor) -> bool:
    """Whether the halt covers environments only in which the permission is held, whatever is held elsewhere."""
    if wanted.kind is not Kind.ENVIRONMENT:
        return False
    named = list(Environment.objects.filter(Q(slug=wanted.value) | Q(pk=as_uuid(wanted.value))))
    return bool(named) and all(holds(actor, perm, place.workspace_id, place.pk) for place in named)


def _workspace_of(wanted: Scope) -> UUID | None:
    """The workspace whose permissions decide; None: a permission held anywhere in the tenant is enough."""
    if wanted.kind is not Kind.WORKSPACE:
        return None
    rows = Workspace.objects.filter(slug=wanted.value) | Workspace.objects.filter(pk=as_uuid(wanted.value))
    return rows.values_list("pk", flat=True).first()


def as_uuid(text: str) -> UUID:
    """The id that a text is; the nil id, which no row has, when it is none."""
    try:
        return UUID(text)
    except ValueError:
        return UUID(int=0)


def _confirm_if_quiet(halt: Halt, actor: Actor) -> bool:
    """In a savepoint: the halt stands, whatever keeps us from counting or from telling."""
    if halt.confirmed_at is not None:
        return True
    undoing = halt.mode == Halt.Mode.STOP_AND_UNDO
    try:
        with transaction.atomic():
            if ports.in_flight.get()(kind=halt.kind, value=halt.value, undoing=undoing):
                return False
    except DatabaseError:
        log.exception("the calls in flight cannot be counted; the halt is confirmed later")
        return False
    halt.confirmed_at = clock.now()
    halt.save(update_fields=["confirmed_at"])
    _tell(halt, actor)
    return True


def _tell(halt: Halt, actor: Actor) -> bool:
    """Put on record what is not there yet. What cannot be written now is made good from the row."""
    try:
        with transaction.atomic():
            for flag, event in _untold(halt):
                ports.record.get()(event, actor=actor)
                Halt.objects.filter(pk=halt.pk).update(**{flag: True})
    except DatabaseError:
        log.exception("a halt is not on record yet; it will be written from its row")
        return False
    halt.recorded, halt.confirm_recorded = True, halt.confirmed_at is not None
    return True


def _untold(halt: Halt) -> list[tuple[str, object]]:
    missing: list[tuple[str, object]] = []
    if not halt.recorded:
        missing.append(("recorded", _engaged(halt)))
    if halt.confirmed_after_ms is not None and not halt.confirm_recorded:
        missing.append(("confirm_recorded", HaltConfirmed(halt.id, halt.confirmed_after_ms)))
    return missing


def _engaged(halt: Halt) -> HaltEngaged:
    return HaltEngaged(
        halt_id=halt.id,
        scope=str(Scope(Kind(halt.kind), halt.value)),
        mode=halt.mode,
        reason=halt.reason,
        engaged_by=halt.engaged_by,
        engaged_at=halt.engaged_at,
        trigger_id=halt.trigger_id,
        drill=halt.drill,
    )
