"""May this actor do that in this workspace? Answered from django-guardian's rows, inside the tenant's scope."""

from uuid import UUID

from django.db.models import QuerySet

from tenants.actors import Actor
from tenants.errors import PermissionMissing
from tenants.models import WorkspaceUserPermission
from tenants.roles import ROLE_PERMISSIONS, Perm, Role

__all__ = [
    "ROLE_PERMISSIONS",
    "Perm",
    "Role",
    "held",
    "held_anywhere",
    "held_by_workspace",
    "holds",
    "holds_anywhere",
    "require",
]


def granted(actor: Actor) -> QuerySet[WorkspaceUserPermission]:
    """The enforcement point of API and console: who may do what to which resource. Every answer below starts from
    these rows, and no page, route or command answers before one of them was asked (tests/invariants)."""
    return WorkspaceUserPermission.objects.filter(user_id=actor.id)


def held(actor: Actor, workspace_id: UUID) -> frozenset[Perm]:
    """Everything the actor may do in the workspace; a token may narrow it, nothing widens it."""
    return _named(actor, granted(actor).filter(content_object_id=workspace_id))


def held_anywhere(actor: Actor) -> frozenset[Perm]:
    """Everything the actor may do in at least one workspace of the tenant."""
    return _named(actor, granted(actor))


def held_by_workspace(actor: Actor) -> dict[UUID, frozenset[Perm]]:
    """The same for every workspace in which the actor may do anything, in one query."""
    found: dict[UUID, set[str]] = {}
    for workspace_id, codename in granted(actor).values_list("content_object_id", "permission__codename"):
        found.setdefault(workspace_id, set()).add(codename)
    return {workspace_id: _narrowed(actor, names) for workspace_id, names in found.items()}


def _named(actor: Actor, rows: QuerySet[WorkspaceUserPermission]) -> frozenset[Perm]:
    return _narrowed(actor, set(rows.values_list("permission__codename", flat=True)))


def _narrowed(actor: Actor, codenames: set[str]) -> frozenset[Perm]:
    names = codenames & {perm.value for perm in Perm}
    if actor.token_scopes is not None:
        names &= actor.token_scopes
    return frozenset(Perm(name) for name in names)


def holds(actor: Actor, perm: Perm, workspace_id: UUID) -> bool:
    return perm in held(actor, workspace_id)


def holds_anywhere(actor: Actor, perm: Perm) -> bool:
    """True when the actor holds the permission in any workspace of the tenant (tenant-wide matters)."""
    if actor.token_scopes is not None and perm.value not in actor.token_scopes:
        return False
    return granted(actor).filter(permission__codename=perm.value).exists()


def require(actor: Actor, perm: Perm, workspace_id: UUID | None = None) -> None:
    """Raises PermissionMissing. Without a workspace the permission must be held somewhere in the tenant."""
    allowed = holds_anywhere(actor, perm) if workspace_id is None else holds(actor, perm, workspace_id)
    if not allowed:
        raise PermissionMissing(f"{actor.label} lacks the permission “{perm.label}” here", permission=perm.value)
