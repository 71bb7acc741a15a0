"""Whose turn it is: a list of people, each for so many hours. It says who is asked now, not who may decide."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from approvals import powers
from connectors.errors import RotaNotFound
from connectors.events import RotaSaved
from connectors.people_models import Rota
from connectors.turns import Turn, from_place, turn
from controlplane.lib import clock
from controlplane.lib.errors import Invalid
from evidence.services import record
from tenants.access import workspace_ids
from tenants.actors import Actor
from tenants.models import Membership, User
from tenants.permissions import Perm, require

LONGEST_TURN_H, MOST_MEMBERS = 672, 50


@dataclass(frozen=True, slots=True)
class OnCall:
    """Who is asked now. `stands_in_for`: whose turn it would be."""

    rota: Rota
    user_id: UUID
    label: str
    until: datetime
    next_label: str
    stands_in_for: str = ""


@transaction.atomic(durable=True)
def save(
    *,
    workspace_id: UUID,
    name: str,
    members: Sequence[UUID],
    starts_at: datetime,
    turn_hours: int,
    actor: Actor,
    enabled: bool = True,
) -> Rota:
    """Make or change the rota of this name. Needs ADMIN in the workspace; members are active people of it."""
    require(actor, Perm.ADMIN, workspace_id)
    if not 1 <= turn_hours <= LONGEST_TURN_H:
        raise Invalid(f"a turn lasts 1 to {LONGEST_TURN_H} hours", field="turn_hours")
    _check_members(workspace_id, members)
    chosen = {
        "members": [str(member) for member in members],
        "starts_at": starts_at,
        "turn_hours": turn_hours,
        "enabled": enabled,
    }
    rota, _ = Rota.objects.update_or_create(workspace_id=workspace_id, name=name, defaults=chosen)
    event = RotaSaved(rota.pk, name, list(members), starts_at, turn_hours, enabled)
    record(event, actor=actor, workspace_id=workspace_id)
    return rota


def _check_members(workspace_id: UUID, members: Sequence[UUID]) -> None:
    if not members or len(set(members)) != len(members) or len(members) > MOST_MEMBERS:
        raise Invalid(f"a rota has 1 to {MOST_MEMBERS} people, each once", field="members")
    people = Membership.objects.filter(
        workspace_id=workspace_id, user_id__in=members, user__is_active=True, user__kind=User.Kind.HUMAN
    )
    if people.values("user_id").distinct().count() != len(members):
        raise Invalid("only active people of the workspace take turns", field="members")


def members_named(workspace_id: UUID, names: Sequence[str]) -> list[UUID]:
    """The people of these user names, in this order; raises Invalid for one that is not of the workspace."""
    rows = Membership.objects.filter(workspace_id=workspace_id, user__username__in=names)
    found = dict(rows.values_list("user__username", "user_id"))
    strangers = [name for name in names if name not in found]
    if strangers:
        raise Invalid(f"not of this workspace: {', '.join(strangers)}", field="members")
    return [found[name] for name in names]


def visible(actor: Actor) -> list[Rota]:
    """Rotas of the workspaces that the actor sees."""
    rows = Rota.objects.select_related("workspace").filter(workspace_id__in=workspace_ids(actor))
    return list(rows.order_by("workspace__slug", "name"))


def one(actor: Actor, rota_id: UUID) -> Rota:
    found = next((rota for rota in visible(actor) if rota.pk == rota_id), None)
    if found is None:
        raise RotaNotFound()
    return found


def now_on_call(actor: Actor) -> list[OnCall]:
    """Who is asked now, in each rota that the actor sees."""
    return [found for rota in visible(actor) if (found := on_call(rota))]


def of_workspace(workspace_id: UUID) -> list[OnCall]:
    rows = Rota.objects.filter(workspace_id=workspace_id, enabled=True).order_by("name")
    return [found for rota in rows if (found := on_call(rota))]


def on_call(rota: Rota) -> OnCall | None:
    """The one whose turn it is; who may not sign in any more is passed over, who is away has their stand-in asked."""
    members = [UUID(member) for member in rota.members]
    current = turn(starts_at=rota.starts_at, turn_hours=rota.turn_hours, members=len(members), now=clock.now())
    if current is None or not rota.enabled:
        return None
    return _found(rota, members, current)


def _found(rota: Rota, members: list[UUID], current: Turn) -> OnCall | None:
    people = User.objects.filter(pk__in=members, is_active=True).in_bulk()
    present = [people[member] for member in from_place(members, current.place) if member in people]
    if not present:
        return None
    following = present[1 % len(present)].label
    stand_in = _stand_in(rota, present[0])
    if stand_in is not None:
        return OnCall(rota, stand_in.pk, stand_in.label, current.until, following, present[0].label)
    return OnCall(rota, present[0].pk, present[0].label, current.until, following)


def _stand_in(rota: Rota, person: User) -> User | None:
    lent = powers.in_force(Q(principal_id=person.pk, workspace_id=rota.workspace_id))
    ids = [row.stand_in_id for row in lent]
    return User.objects.filter(pk__in=ids, is_active=True).order_by("pk").first() if ids else None
