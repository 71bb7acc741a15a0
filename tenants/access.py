"""The only fetch for views. What is foreign is missing: both are 404."""

from collections.abc import Collection
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from controlplane.lib import clock
from controlplane.lib.errors import NotFound
from tenants import quick, scope, services
from tenants.actors import Actor
from tenants.errors import TokenRefused
from tenants.models import ApiToken, Credential, Environment, Membership, Tenant, User, Workspace
from tenants.permissions import Perm, held_by_place, holds, holds_anywhere, require


def member(user: User, slug: str, method: str = "session") -> Actor:
    """The user as an actor in the tenant named by a URL; NotFound for strangers and for what is not there."""
    tenant_id = next((pk for pk, name in services.tenants_of(user.id) if name == slug), None)
    if tenant_id is None or not user.is_active:
        raise NotFound
    return Actor(user.kind, user.id, tenant_id, user.label, method)


def bearer(secret: str) -> Actor:
    """The actor behind an API token; TokenRefused when unknown, expired, revoked or of a former member."""
    owner = services.token_owner(secret)
    if owner is None:
        raise TokenRefused
    tenant_id, token_id = owner
    with scope.enter(tenant_id), transaction.atomic():
        row = ApiToken.objects.select_related("user").get(pk=token_id)
        behind = {one for one in (row.user_id, row.on_behalf_of_id) if one is not None}
        members = Membership.objects.filter(user_id__in=behind, user__is_active=True)
        member_still = members.values("user_id").distinct().count() == len(behind)
        alive = row.revoked_at is None and row.expires_at > clock.now()
        if not (alive and member_still):
            raise TokenRefused
        seen = row.last_used_at
    if seen is None or clock.now() - seen > timedelta(minutes=1):
        with scope.enter(tenant_id):
            services.note_token_use(token_id=token_id, at=clock.now())
    return Actor(
        row.user.kind,
        row.user_id,
        tenant_id,
        row.user.label,
        "token",
        on_behalf_of=row.on_behalf_of_id,
        token_scopes=frozenset(row.scopes),
    )


class Organisation(NamedTuple):
    id: UUID
    slug: str


def organisations(user_id: UUID) -> list[Organisation]:
    """The tenants of a user, by name in the URL; the only answer that spans tenants."""
    return [Organisation(*row) for row in services.tenants_of(user_id)]


def tenant(actor: Actor) -> Tenant:
    return Tenant.objects.get(pk=actor.tenant_id)


def workspaces(actor: Actor, perm: Perm = Perm.VIEW) -> list[Workspace]:
    """Workspaces in which the actor holds the permission."""
    return [w for w in Workspace.objects.order_by("slug") if holds(actor, perm, w.id)]


def workspace_ids(actor: Actor, perm: Perm = Perm.VIEW) -> list[UUID]:
    return [w.id for w in workspaces(actor, perm)]


def workspace(actor: Actor, workspace_id: UUID, perm: Perm = Perm.VIEW) -> Workspace:
    row = Workspace.objects.filter(pk=workspace_id).first()
    if row is None or not holds(actor, perm, row.id):
        raise NotFound
    return row


def environment(actor: Actor, environment_id: UUID, perm: Perm = Perm.VIEW) -> Environment:
    row = Environment.objects.filter(pk=environment_id).first()
    if row is None or not holds(actor, perm, row.workspace_id, row.pk):
        raise NotFound
    return row


def environments(actor: Actor, perm: Perm = Perm.VIEW) -> list[Environment]:
    """Environments in which the actor holds the permission, by a role there or in their workspace."""
    mine = [place for place, perms in held_by_place(actor).items() if perm in perms]
    rows = Environment.objects.filter(Q(workspace_id__in=mine) | Q(pk__in=mine))
    return list(rows.select_related("workspace").order_by("id"))


def roles_in(user_id: UUID, workspace_id: UUID, environment_id: UUID | None) -> list[str]:
    """The roles that somebody has in an environment, sorted: those of the workspace and those of just there."""
    rows = quick.find(Membership, user_id=user_id, workspace_id=workspace_id)
    return sorted({row.role for row in rows if row.environment_id in (None, environment_id)})


def members(actor: Actor) -> list[Membership]:
    require(actor, Perm.ADMIN)
    return list(Membership.objects.select_related("user", "workspace").order_by("user__username", "role"))


def names(actor: Actor, ids: Collection[UUID]) -> dict[UUID, str]:
    """What people of the tenant are called, by id; for those who may view any workspace. Others are not in it."""
    require(actor, Perm.VIEW)
    rows = Membership.objects.select_related("user").filter(user_id__in=ids)
    return {row.user_id: row.user.label for row in rows}


def tokens(actor: Actor) -> list[ApiToken]:
    """All tokens for an administrator, otherwise the actor's own."""
    rows = ApiToken.objects.select_related("user").order_by("-created_at")
    return list(rows if holds_anywhere(actor, Perm.ADMIN) else rows.filter(user_id=actor.id))


def credentials(actor: Actor) -> list[Credential]:
    """Names and slots, never the secret."""
    require(actor, Perm.MANAGE_CONNECTORS)
    return list(Credential.objects.defer("ciphertext").order_by("name", "slot"))
