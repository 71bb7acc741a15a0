"""Roles of people: given for a workspace or for one environment of it, applied as guardian's permissions."""

from collections.abc import Iterable
from uuid import UUID

from django.contrib.auth.models import Permission
from django.db import transaction
from guardian.shortcuts import assign_perm

from controlplane.lib.errors import Conflict, Invalid, NotFound
from tenants import ports
from tenants.actors import Actor
from tenants.events import RoleGranted, RoleWithdrawn
from tenants.models import Environment, EnvironmentUserPermission, Membership, User, Workspace, WorkspaceUserPermission
from tenants.permissions import Perm, require
from tenants.roles import IN_ENVIRONMENT, OF_ENVIRONMENT, ROLE_PERMISSIONS, Role


@transaction.atomic(durable=True)
def grant_role(
    *, user_id: UUID, role: Role, workspace_id: UUID, actor: Actor, environment_id: UUID | None = None
) -> Membership:
    """Make the user a member in that role: one guardian permission per member of the role's set."""
    require_admin(actor, workspace_id)
    user = User.objects.filter(pk=user_id).first()
    if user is None:
        raise NotFound
    return put_role(user=user, role=role, workspace_id=workspace_id, environment_id=environment_id, actor=actor)


def put_role(
    *, user: User, role: Role, workspace_id: UUID | None, actor: Actor, environment_id: UUID | None = None
) -> Membership:
    """The same inside an open transaction whose verb has asked whether the actor may."""
    workspace = Workspace.objects.filter(pk=workspace_id).first() if workspace_id else None
    if workspace is None:
        raise NotFound
    environment = _environment(workspace, environment_id, role)
    membership, _ = Membership.objects.get_or_create(user=user, workspace=workspace, environment=environment, role=role)
    for perm in _in_workspace(role, environment_id):
        assign_perm(f"tenants.{perm.value}", user, workspace)
    if environment is not None:
        for perm in ROLE_PERMISSIONS[role] & OF_ENVIRONMENT:
            assign_perm(f"tenants.{perm.value}", user, environment)
    told = RoleGranted(user.id, role, workspace.id, environment_id)
    ports.record.get()(told, actor=actor, workspace_id=workspace.id)
    return membership


@transaction.atomic(durable=True)
def withdraw_role(*, membership_id: UUID, actor: Actor) -> None:
    """Take a role back; permissions that another role of the user still gives stay."""
    membership = Membership.objects.filter(pk=membership_id).first()
    if membership is None:
        raise NotFound
    require_admin(actor, membership.workspace_id)
    _keep_an_administrator(membership)
    membership.delete()
    _sweep(membership)
    told = RoleWithdrawn(membership.user_id, Role(membership.role), membership.workspace_id, membership.environment_id)
    ports.record.get()(told, actor=actor, workspace_id=membership.workspace_id)


def require_admin(actor: Actor, workspace_id: UUID | None) -> None:
    """The installer founds a tenant; from then on its administrators decide."""
    if actor.kind == "system" and actor.label == "installer":
        return
    require(actor, Perm.ADMIN, workspace_id)


def perms_of(role: Role, environment_id: UUID | None) -> frozenset[Perm]:
    """What the role gives where it was given."""
    here = ROLE_PERMISSIONS[role] & OF_ENVIRONMENT if environment_id else frozenset()
    return _in_workspace(role, environment_id) | here


def _in_workspace(role: Role, environment_id: UUID | None) -> frozenset[Perm]:
    everything = ROLE_PERMISSIONS[role]
    return everything if environment_id is None else everything & {Perm.VIEW, Perm.VIEW_COSTS}


def _keep_an_administrator(leaving: Membership) -> None:
    """Nobody could give a role any more. The rows are locked, so that two who leave at once do not both go."""
    here = Membership.objects.select_for_update().filter(workspace_id=leaving.workspace_id, role=Role.ADMIN)
    left = [row for row in here.filter(environment=None, user__is_active=True) if row.pk != leaving.pk]
    if leaving.role == Role.ADMIN and leaving.environment_id is None and not left:
        raise Conflict("the last administrator of a workspace stays")


def _environment(workspace: Workspace, environment_id: UUID | None, role: Role) -> Environment | None:
    if environment_id is None:
        return None
    environment = Environment.objects.filter(pk=environment_id, workspace=workspace).first()
    if environment is None:
        raise NotFound
    if role not in IN_ENVIRONMENT:
        raise Invalid(f"the role {role.label} is about the whole workspace", field="environment")
    return environment


def _sweep(gone: Membership) -> None:
    """Remove what no role of the user gives any more in this workspace and its environments."""
    left = list(Membership.objects.filter(user_id=gone.user_id, workspace_id=gone.workspace_id))
    kept = {perm for row in left for perm in _in_workspace(Role(row.role), row.environment_id)}
    rows = WorkspaceUserPermission.objects.filter(user_id=gone.user_id, content_object_id=gone.workspace_id)
    rows.filter(permission__in=_other_than(kept)).delete()
    if gone.environment_id is not None:
        here = [row for row in left if row.environment_id == gone.environment_id]
        stay = {perm for row in here for perm in ROLE_PERMISSIONS[Role(row.role)]}
        there = EnvironmentUserPermission.objects.filter(user_id=gone.user_id, content_object_id=gone.environment_id)
        there.filter(permission__in=_other_than(stay)).delete()


def _other_than(kept: Iterable[Perm]) -> "list[Permission]":
    return list(Permission.objects.exclude(codename__in={perm.value for perm in kept}))
