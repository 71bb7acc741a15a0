"""May this actor do that in this workspace? Answered from django-guardian's rows, inside the tenant's scope."""

from collections.abc import Mapping
from typing import Any, TypeVar
from uuid import UUID

from django.db.models import Exists, Manager, Model, OuterRef, QuerySet

from tenants import once, roles
from tenants.actors import BREAK_GLASS, Actor
from tenants.errors import PermissionMissing
from tenants.models import EnvironmentUserPermission, Workspace, WorkspaceUserPermission
from tenants.roles import ROLE_PERMISSIONS, Perm, Role

__all__ = [
    "ROLE_PERMISSIONS",
    "Perm",
    "Role",
    "held",
    "held_anywhere",
    "held_by_place",
    "holds",
    "holds_anywhere",
    "require",
]

R = TypeVar("R", bound=Model)


def granted(actor: Actor) -> QuerySet[WorkspaceUserPermission]:
    """The enforcement point of API and console: who may do what to which resource. Every answer below starts from
    these rows, and no page, route or command answers before one of them was asked (tests/invariants)."""
    return _shared(actor, WorkspaceUserPermission.objects)


def granted_in_environments(actor: Actor) -> QuerySet[EnvironmentUserPermission]:
    """The same for roles that were given for one environment."""
    return _shared(actor, EnvironmentUserPermission.objects)


def _shared(actor: Actor, rows: "Manager[R]") -> "QuerySet[R]":
    """The actor's rows; those of a token that acts for somebody only as far as that person holds the same today."""
    mine = rows.filter(user_id=actor.id)
    if actor.method != "token" or actor.on_behalf_of is None:
        return mine
    theirs = rows.filter(
        user_id=actor.on_behalf_of, content_object=OuterRef("content_object"), permission=OuterRef("permission")
    )
    return mine.filter(Exists(theirs))


def held(actor: Actor, workspace_id: UUID, environment_id: UUID | None = None) -> frozenset[Perm]:
    """Everything the actor may do in the workspace, or there in one environment; a token may narrow it, nothing
    widens it."""
    names = _in_workspace(actor, workspace_id)
    if environment_id is not None:
        names |= _in_environment(actor, environment_id)
    return _narrowed(actor, names)


def held_anywhere(actor: Actor) -> frozenset[Perm]:
    """Everything the actor may do in at least one workspace of the tenant, and not only in one environment."""
    return _narrowed(actor, set[str]().union(*_by_workspace(actor).values()))


def held_by_place(actor: Actor, workspace_id: UUID | None = None) -> dict[UUID, frozenset[Perm]]:
    """What was given for each workspace, and beside it for each environment: everywhere, or within one workspace. What
    is held in an environment is both together."""
    if actor.method == BREAK_GLASS:
        return dict.fromkeys(Workspace.objects.values_list("id", flat=True), roles.BREAK_GLASS)
    if workspace_id is None:
        found = {**_by_workspace(actor), **_by_environment(actor)}
    else:
        parts = granted_in_environments(actor).filter(content_object__workspace_id=workspace_id)
        found = _asked(granted(actor).filter(content_object_id=workspace_id), parts)
    return {place: _narrowed(actor, names) for place, names in found.items()}


def _in_workspace(actor: Actor, workspace_id: UUID) -> set[str]:
    if once.reading():
        return set(_by_workspace(actor).get(workspace_id, ()))
    return _codenames(granted(actor).filter(content_object_id=workspace_id))


def _in_environment(actor: Actor, environment_id: UUID) -> set[str]:
    if once.reading():
        return _by_environment(actor).get(environment_id, set())
    return _codenames(granted_in_environments(actor).filter(content_object_id=environment_id))


def _by_workspace(actor: Actor) -> Mapping[UUID, set[str]]:
    """All that the rows say about the actor, by workspace; a token's scopes are not in it."""
    return once.ask(("permissions", actor), lambda: _asked(granted(actor)))


def _by_environment(actor: Actor) -> Mapping[UUID, set[str]]:
    """The same of roles that were given for one environment."""
    return once.ask(("permissions of environments", actor), lambda: _asked(granted_in_environments(actor)))


def _asked(*rows: "QuerySet[Any]") -> dict[UUID, set[str]]:
    """By place, in one query."""
    first, *others = (some.values_list("content_object_id", "permission__codename") for some in rows)
    found: dict[UUID, set[str]] = {}
    for place, codename in first.union(*others) if others else first:
        found.setdefault(place, set()).add(codename)
    return found


def _codenames(rows: "QuerySet[Any]") -> set[str]:
    return set(rows.values_list("permission__codename", flat=True))


def _narrowed(actor: Actor, codenames: set[str]) -> frozenset[Perm]:
    """Whoever broke the glass looks, whatever rows there are; everybody else has what the rows say."""
    if actor.method == BREAK_GLASS:
        return roles.BREAK_GLASS
    names = codenames & {perm.value for perm in Perm}
    if actor.token_scopes is not None:
        names &= actor.token_scopes
    return frozenset(Perm(name) for name in names)


def holds(actor: Actor, perm: Perm, workspace_id: UUID, environment_id: UUID | None = None) -> bool:
    return perm in held(actor, workspace_id, environment_id)


def holds_anywhere(actor: Actor, perm: Perm) -> bool:
    """True when the actor holds the permission in any workspace of the tenant (tenant-wide matters)."""
    if actor.method == BREAK_GLASS:
        return perm in roles.BREAK_GLASS
    if actor.token_scopes is not None and perm.value not in actor.token_scopes:
        return False
    if once.reading():
        return any(perm.value in names for names in _by_workspace(actor).values())
    return granted(actor).filter(permission__codename=perm.value).exists()


def require(actor: Actor, perm: Perm, workspace_id: UUID | None = None, environment_id: UUID | None = None) -> None:
    """Raises PermissionMissing. Without a workspace the permission must be held somewhere in the tenant."""
    allowed = holds(actor, perm, workspace_id, environment_id) if workspace_id else holds_anywhere(actor, perm)
    if not allowed:
        raise PermissionMissing(f"{actor.label} lacks the permission “{perm.label}” here", permission=perm.value)
