"""May this actor do that in this workspace? Answered from django-guardian's rows, inside the tenant's scope."""

from uuid import UUID

from tenants.actors import Actor
from tenants.errors import PermissionMissing
from tenants.models import WorkspaceUserPermission
from tenants.roles import ROLE_PERMISSIONS, Perm, Role

__all__ = ["ROLE_PERMISSIONS", "Perm", "Role", "held", "holds", "holds_anywhere", "require"]


def held(actor: Actor, workspace_id: UUID) -> frozenset[Perm]:
    """Everything the actor may do in the workspace; a token may narrow it, nothing widens it."""
    rows = WorkspaceUserPermission.objects.filter(user_id=actor.id, content_object_id=workspace_id)
    known = {perm.value for perm in Perm}
    names = {name for name in rows.values_list("permission__codename", flat=True) if name in known}
    if actor.token_scopes is not None:
        names &= actor.token_scopes
    return frozenset(Perm(name) for name in names)


def holds(actor: Actor, perm: Perm, workspace_id: UUID) -> bool:
    return perm in held(actor, workspace_id)


def holds_anywhere(actor: Actor, perm: Perm) -> bool:
    """True when the actor holds the permission in any workspace of the tenant (tenant-wide matters)."""
    if actor.token_scopes is not None and perm.value not in actor.token_scopes:
        return False
    rows = WorkspaceUserPermission.objects.filter(user_id=actor.id, permission__codename=perm.value)
    return rows.exists()


def require(actor: Actor, perm: Perm, workspace_id: UUID | None = None) -> None:
    """Raises PermissionMissing. Without a workspace the permission must be held somewhere in the tenant."""
    allowed = holds_anywhere(actor, perm) if workspace_id is None else holds(actor, perm, workspace_id)
    if not allowed:
        raise PermissionMissing(f"{actor.label} lacks the permission “{perm.label}” here", permission=perm.value)
