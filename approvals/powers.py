"""Who holds which rights about requests: by their own permissions, and by those of people they stand in for."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Q

from approvals.models import ApprovalRequest, Delegation
from controlplane.lib import clock
from tenants import once
from tenants.actors import Actor
from tenants.models import EnvironmentUserPermission, User, WorkspaceUserPermission
from tenants.permissions import Perm, held_by_place

Places = Mapping[UUID, frozenset[Perm]]
"""What is held, by workspace and by environment."""
NOBODY: frozenset[Perm] = frozenset()
DECIDE = frozenset({Perm.APPROVE, Perm.APPROVE_HIGH})


@dataclass(frozen=True, slots=True)
class Lent:
    """The right of somebody who is away. Only to decide, and no more than they hold themselves today."""

    principal_id: UUID
    label: str
    perms: Places


@dataclass(frozen=True, slots=True)
class Powers:
    """`lent` by workspace: it stands only where the actor may look."""

    actor: Actor
    own: Places
    lent: Mapping[UUID, Sequence[Lent]]

    @property
    def visible(self) -> dict[UUID, frozenset[Perm]]:
        """Workspaces only: who has a role in an environment looks at the whole of them."""
        return {workspace: perms for workspace, perms in self.own.items() if Perm.VIEW in perms}

    def here(self, request: ApprovalRequest) -> frozenset[Perm]:
        """What the actor may do themselves where the request belongs."""
        return within(self.own, request)


def of(actor: Actor) -> Powers:
    """Everywhere in the entered tenant."""
    return once.ask(("powers", actor, actor.token_scopes), lambda: _everywhere(actor))


def _everywhere(actor: Actor) -> Powers:
    own = held_by_place(actor)
    return Powers(actor, own, _lent(actor, own))


def in_workspace(actor: Actor, workspace_id: UUID) -> Powers:
    """The same for one workspace."""
    own = held_by_place(actor, workspace_id)
    return Powers(actor, own, _lent(actor, own))


def within(held: Places, request: ApprovalRequest) -> frozenset[Perm]:
    """What counts for the request: what is held in its workspace and in its environment."""
    return NOBODY.union(*(held.get(place, NOBODY) for place in request.places))


def holders(request: ApprovalRequest, perm: Perm, among: Collection[UUID] | None = None) -> set[UUID]:
    """Whoever holds the permission where the request belongs, and may sign in."""
    wanted = Q(permission__codename=perm.value, user__is_active=True, content_object_id__in=request.places)
    wanted &= Q() if among is None else Q(user_id__in=among)
    whole = WorkspaceUserPermission.objects.filter(wanted).values_list("user_id", flat=True)
    return set(whole.union(EnvironmentUserPermission.objects.filter(wanted).values_list("user_id", flat=True)))


def _lent(actor: Actor, own: Places) -> dict[UUID, list[Lent]]:
    """A token hands on no right that it does not have itself, so none is lent to one that may not decide."""
    lent: dict[UUID, list[Lent]] = defaultdict(list)
    for row in in_force(Q(stand_in_id=actor.id)) if actor.is_person else ():
        if Perm.VIEW in own.get(row.workspace_id, NOBODY):
            perms = {place: held & DECIDE for place, held in _of_principal(row, actor).items()}
            lent[row.workspace_id].append(Lent(row.principal_id, row.principal_label, perms))
    return lent


def in_force(which: Q) -> list[Delegation]:
    """Delegations that hold now, the oldest first, of people who may still sign in."""
    now = clock.now()
    rows = Delegation.objects.filter(which, ended_at=None, starts_at__lte=now, ends_at__gt=now).order_by("id")
    found = list(rows)
    active = set(
        User.objects.filter(pk__in={row.principal_id for row in found}, is_active=True).values_list("pk", flat=True)
        if found
        else ()
    )
    return [row for row in found if row.principal_id in active]


def _of_principal(row: Delegation, actor: Actor) -> Places:
    principal = Actor(
        "human", row.principal_id, actor.tenant_id, row.principal_label, "delegation", token_scopes=actor.token_scopes
    )
    return held_by_place(principal, row.workspace_id)
