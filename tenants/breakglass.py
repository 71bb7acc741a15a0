"""Platform operators and the tenants' data: nothing, except behind broken glass, and that is on the tenant's record."""

from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from controlplane.lib import clock
from controlplane.lib.errors import Invalid, NotFound
from tenants import ports, scope, services
from tenants.actors import BREAK_GLASS, Actor
from tenants.events import GlassBroken, GlassClosed, GlassLookedThrough
from tenants.models import BreakGlass, PlatformOperator, User
from tenants.permissions import Perm, require

LONGEST = timedelta(hours=1)


def is_operator(user: User) -> bool:
    return user.is_active and PlatformOperator.objects.filter(pk=user.pk).exists()


def open_glass(*, operator: User, slug: str, reason: str, lasts: timedelta) -> BreakGlass:
    """Look into a tenant for up to an hour. NotFound for who is no operator, and without such a tenant."""
    tenant_id = services.tenant_id_of(slug)
    if tenant_id is None or not is_operator(operator):
        raise NotFound
    if not 10 <= len(reason.strip()) <= 500:
        raise Invalid("say in 10 to 500 characters why", field="reason")
    if not timedelta(minutes=1) <= lasts <= LONGEST:
        raise Invalid("it lasts up to an hour", field="minutes")
    with scope.enter(tenant_id), transaction.atomic(durable=True):
        now = clock.now()
        row = BreakGlass.objects.create(operator=operator, reason=reason.strip(), opened_at=now, expires_at=now + lasts)
        told = GlassBroken(row.pk, operator.pk, row.reason, row.expires_at)
        ports.record.get()(told, actor=_actor(operator, tenant_id))
    return row


def looking(user: User, slug: str) -> Actor:
    """The operator as an actor who may look, while the glass is broken; otherwise NotFound, as for every stranger."""
    tenant_id = services.tenant_id_of(slug)
    if tenant_id is None or not is_operator(user):
        raise NotFound
    with scope.enter(tenant_id), transaction.atomic():
        if not _open(user.pk).exists():
            raise NotFound
    return _actor(user, tenant_id)


def note_look(*, actor: Actor, path: str) -> None:
    """Each page that is looked at stands on the record."""
    with scope.enter(actor.tenant_id), transaction.atomic():
        row = _open(actor.id).order_by("-opened_at").first()
        if row is None:
            raise NotFound
        ports.record.get()(GlassLookedThrough(row.pk, actor.id, path[:300]), actor=actor)


@transaction.atomic(durable=True)
def close_glass(*, glass_id: UUID, actor: Actor) -> BreakGlass:
    """Before its time: by the operator, or by an administrator of the tenant."""
    row = BreakGlass.objects.select_for_update().filter(pk=glass_id).first()
    if row is None:
        raise NotFound
    if row.operator_id != actor.id:
        require(actor, Perm.ADMIN)
    if row.closed_at is None:
        row.closed_at, row.closed_by = clock.now(), actor.id
        row.save(update_fields=["closed_at", "closed_by"])
        ports.record.get()(GlassClosed(row.pk, row.operator_id), actor=actor)
    return row


def history(actor: Actor) -> list[BreakGlass]:
    """Newest first, for administrators and auditors of the tenant."""
    if actor.method == BREAK_GLASS:
        return list(_open(actor.id))
    require(actor, Perm.EXPORT_EVIDENCE)
    return list(BreakGlass.objects.select_related("operator").order_by("-opened_at")[:100])


def _open(user_id: UUID) -> QuerySet[BreakGlass]:
    return BreakGlass.objects.filter(operator_id=user_id, closed_at=None, expires_at__gt=clock.now())


def _actor(user: User, tenant_id: UUID) -> Actor:
    return Actor(user.kind, user.pk, tenant_id, f"{user.label} (platform operator)"[:150], BREAK_GLASS)
