"""Who belongs to the tenant, and what they may effectively do: from guardian's rows, with the roles that give it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction

from controlplane.lib.errors import NotFound
from tenants import factors
from tenants.actors import Actor
from tenants.granting import perms_of
from tenants.models import (
    ApiToken,
    Environment,
    EnvironmentUserPermission,
    Membership,
    User,
    Workspace,
    WorkspaceUserPermission,
)
from tenants.permissions import holds_anywhere, require
from tenants.roles import Perm, Role


@dataclass(frozen=True, slots=True)
class Held:
    """One permission and the roles that give it here; none when nothing explains it."""

    perm: Perm
    by: Sequence[Role]


@dataclass(frozen=True, slots=True)
class Place:
    """A workspace, or one environment of it (`environment` is then its name), and what is held there."""

    workspace_id: UUID
    workspace: str
    environment: str
    held: Sequence[Held]


@dataclass(frozen=True, slots=True)
class GivenRole:
    membership_id: UUID
    role: Role
    workspace: str
    environment: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Person:
    """`factors`: kinds of second factor; empty means that this person can never step up."""

    id: UUID
    username: str
    label: str
    kind: str
    active: bool
    factors: Sequence[str]
    roles: Sequence[GivenRole]


@dataclass(frozen=True, slots=True)
class Effective:
    """Everything on one page. A token narrows what is held, it never adds to it."""

    person: Person
    places: Sequence[Place]
    tokens: Sequence[ApiToken]


def everyone(actor: Actor) -> list[Person]:
    """All members by name; an administrator sees all, everybody else themselves."""
    rows = Membership.objects.select_related("user", "workspace", "environment").order_by("user__username", "role")
    if not holds_anywhere(actor, Perm.ADMIN):
        require(actor, Perm.VIEW)
        rows = rows.filter(user_id=actor.id)
    by_user: dict[User, list[Membership]] = {}
    for row in rows:
        by_user.setdefault(row.user, []).append(row)
    return [_person(user, mine) for user, mine in by_user.items()]


def effective(actor: Actor, user_id: UUID) -> Effective:
    """What this member may do, place by place. Oneself always; others need ADMIN. NotFound for who is no member."""
    require(actor, Perm.VIEW if actor.id == user_id else Perm.ADMIN)
    rows = list(
        Membership.objects.select_related("user", "workspace", "environment").filter(user_id=user_id).order_by("role")
    )
    if not rows:
        raise NotFound
    tokens = ApiToken.objects.filter(user_id=user_id).order_by("-created_at")
    return Effective(_person(rows[0].user, rows), [*_workspaces(rows), *_environments(rows)], list(tokens))


@transaction.atomic
def require_member(actor: Actor, user_id: UUID) -> None:
    """NotFound for who is no member here: a colleague of elsewhere and nobody look the same."""
    require(actor, Perm.ADMIN)
    if not Membership.objects.filter(user_id=user_id).exists():
        raise NotFound


def _person(user: User, rows: Sequence[Membership]) -> Person:
    given = [
        GivenRole(row.pk, Role(row.role), row.workspace.slug, _name(row.environment), row.created_at) for row in rows
    ]
    kinds = sorted(factors.held(user.pk))
    return Person(user.pk, user.username, user.label, user.kind, user.is_active, kinds, given)


def _workspaces(rows: Sequence[Membership]) -> list[Place]:
    user_id = rows[0].user_id
    found = WorkspaceUserPermission.objects.filter(user_id=user_id).select_related("permission", "content_object")
    names: dict[Workspace, set[str]] = {}
    for row in found:
        names.setdefault(row.content_object, set()).add(row.permission.codename)
    return [
        Place(place.pk, place.slug, "", _held(codenames, [row for row in rows if row.workspace_id == place.pk]))
        for place, codenames in sorted(names.items(), key=lambda each: each[0].slug)
    ]


def _environments(rows: Sequence[Membership]) -> list[Place]:
    user_id = rows[0].user_id
    found = EnvironmentUserPermission.objects.filter(user_id=user_id).select_related(
        "permission", "content_object__workspace"
    )
    names: dict[Environment, set[str]] = {}
    for row in found:
        names.setdefault(row.content_object, set()).add(row.permission.codename)
    return [
        Place(
            place.workspace_id,
            place.workspace.slug,
            place.slug,
            _held(codenames, [row for row in rows if row.environment_id == place.pk]),
        )
        for place, codenames in sorted(names.items(), key=lambda each: each[0].slug)
    ]


def _held(codenames: set[str], rows: Sequence[Membership]) -> list[Held]:
    known = [perm for perm in Perm if perm.value in codenames]
    return [
        Held(perm, [Role(row.role) for row in rows if perm in perms_of(Role(row.role), row.environment_id)])
        for perm in known
    ]


def _name(environment: Environment | None) -> str:
    return environment.slug if environment else ""
