"""What a person may see of the queue. Foreign and missing look the same."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet

from approvals import alike, halted, powers, rights
from approvals.errors import RequestNotFound
from approvals.models import ApprovalRequest, Delegation, Vote
from approvals.powers import Places, Powers
from approvals.quorum import open_places
from approvals.types import State, Verdict
from approvals.withdrawing import may_withdraw
from controlplane.lib import clock
from controlplane.lib.errors import Invalid
from tenants import payloads
from tenants.actors import Actor
from tenants.errors import PayloadExpired
from tenants.models import Membership, User, Workspace
from tenants.permissions import Perm, held


@dataclass(frozen=True)
class Item:
    """A request with what this person may do about it; `why_not` is "" when they may vote.

    `in_place_of`: whose right a vote of theirs would use, "" for their own. `open_roles`: places not filled yet.
    """

    request: ApprovalRequest
    may_vote: bool
    why_not: str
    deadline: datetime
    approvals: int
    in_place_of: str
    open_roles: list[str]

    @property
    def id(self) -> UUID:
        return self.request.pk


@dataclass(frozen=True)
class Detail(Item):
    """The whole request. `display` is None once the content has expired.

    `earlier`: what was asked before about the same call and is void since the action has changed, the latest first;
    `later`: what is asked instead of this. `alike`: the last decisions about the same tool in the workspace.
    """

    display: dict[str, Any] | None
    votes: list[Vote]
    may_withdraw: bool
    may_take_back: bool
    earlier: list["Version"]
    later: UUID | None
    alike: list[ApprovalRequest]


@dataclass(frozen=True)
class Version:
    """An earlier question about the same call: what it showed (None once expired) and what was said about it."""

    request: ApprovalRequest
    display: dict[str, Any] | None
    votes: list[Vote]


def queue(actor: Actor, box: str = "mine", *, after: UUID | None = None, limit: int = 50) -> list[Item]:
    """A page of requests: `mine` and `all` are open, the oldest first; `decided` the newest first.

    `after` is the id of the last request of the page before. `mine` holds what this person can decide now.
    """
    mine = powers.of(actor)
    rows = BOXES[box](_visible(mine), mine)
    if after is not None:
        rows = rows.filter(id__lt=after) if box == "decided" else rows.filter(id__gt=after)
    return _items(mine, rows.order_by("-id" if box == "decided" else "id")[:limit])


def waiting(actor: Actor) -> int:
    """How many requests wait for this person, counted up to 100."""
    mine = powers.of(actor)
    return _mine(_rows(mine), mine).order_by("id")[:100].count()


def chosen(actor: Actor, request_ids: list[UUID]) -> list[Item]:
    """These requests, as far as they are there for this person, in their order."""
    mine = powers.of(actor)
    return _items(mine, _visible(mine).filter(pk__in=request_ids).order_by("id"))


def access_request(actor: Actor, request_id: UUID) -> Detail:
    """One request with its display and votes; raises RequestNotFound."""
    mine = powers.of(actor)
    items = _items(mine, _visible(mine).filter(pk=request_id))
    if not items:
        raise RequestNotFound
    request = items[0].request
    votes, versions = _votes(request), _versions(mine, request)
    return Detail(
        **vars(items[0]),
        display=display_of(request),
        votes=votes,
        may_withdraw=may_withdraw(request, actor, mine.here(request)),
        may_take_back=_has_yes(request, votes, actor),
        earlier=[Version(row, display_of(row), _votes(row)) for row in versions if row.pk < request.pk],
        later=next((row.pk for row in versions if row.pk > request.pk), None),
        alike=list(alike.decided(request, _rows(mine))[: alike.MOST]),
    )


def of_run(actor: Actor, run_id: UUID) -> list[Item]:
    """Every request of a run, the oldest first."""
    mine = powers.of(actor)
    return _items(mine, _visible(mine).filter(run_id=run_id).order_by("id"))


def delegations(actor: Actor) -> list[Delegation]:
    """Whom the actor stands in for, and who stands in for the actor; the newest first. Administrators see them all."""
    mine = powers.of(actor)
    governed = [pk for pk, perms in mine.visible.items() if Perm.ADMIN in perms]
    concerned = Q(principal_id=actor.id) | Q(stand_in_id=actor.id) | Q(workspace_id__in=governed)
    return list(Delegation.objects.filter(concerned, workspace_id__in=mine.visible).order_by("-id")[:200])


@transaction.atomic
def colleague(actor: Actor, workspace_id: UUID, name: str) -> UUID:
    """The person of this user name in a workspace that the actor sees; raises Invalid."""
    places = [workspace_id] if Perm.VIEW in held(actor, workspace_id) else []
    rows = Membership.objects.filter(workspace_id__in=places, user__username=name, user__is_active=True)
    found = rows.values_list("user_id", flat=True).first()
    if found is None:
        raise Invalid("name a person of this workspace", field="stand_in")
    return found


def colleagues(actor: Actor) -> list[User]:
    """The people who could stand in for the actor somewhere."""
    here = powers.of(actor).visible
    people = User.objects.filter(kind=User.Kind.HUMAN, is_active=True, memberships__workspace_id__in=here)
    return list(people.exclude(pk=actor.id).distinct().order_by("username")[:500])


def decides_in(actor: Actor) -> list[Workspace]:
    """Where the actor may decide something by their own right."""
    mine = powers.of(actor)
    deciding = [pk for pk, perms in mine.own.items() if powers.DECIDE & perms]
    rows = Workspace.objects.filter(Q(pk__in=deciding) | Q(environments__in=deciding), pk__in=mine.visible)
    return list(rows.distinct().order_by("slug"))


def display_of(request: ApprovalRequest) -> dict[str, Any] | None:
    """What people were shown, None once it has expired."""
    try:
        display: dict[str, Any] = payloads.get_json(request.display_digest)
    except PayloadExpired:
        return None
    return display


def _visible(mine: Powers) -> QuerySet[ApprovalRequest]:
    return _rows(mine).prefetch_related(Prefetch("votes", Vote.objects.select_related("taken_back")))


def _rows(mine: Powers) -> QuerySet[ApprovalRequest]:
    return ApprovalRequest.objects.filter(workspace_id__in=mine.visible)


def _mine(rows: QuerySet[ApprovalRequest], mine: Powers) -> QuerySet[ApprovalRequest]:
    """What `rights.why_not` would allow, said in SQL so that a long queue can be paged."""
    actor = mine.actor
    if not actor.is_person or actor.method == rights.VISITING:
        return rows.none()
    free = rows.filter(~_concerned(actor.id), state=State.PENDING)
    if not mine.lent:
        return free.filter(_within(mine, mine.own), ~Exists(_voted(actor.id)), ~Exists(_in_place_of(actor.id)))
    allowed = _within(mine, mine.own) & ~Q(Exists(_in_place_of(actor.id)))
    for one in (one for lent in mine.lent.values() for one in lent):
        allowed |= _within(mine, one.perms) & ~_concerned(one.principal_id) & ~_used(one.principal_id)
    return free.filter(allowed, ~Exists(_voted(actor.id)))


def _within(mine: Powers, held: Places) -> Q:
    """What these permissions are enough for, among what is visible."""
    return Q(high=False) & _where(mine, held, Perm.APPROVE) | Q(high=True) & _where(mine, held, Perm.APPROVE_HIGH)


def _where(mine: Powers, held: Places, perm: Perm) -> Q:
    places = {place for place, perms in held.items() if perm in perms}
    whole, parts = places & mine.visible.keys(), places - mine.visible.keys()
    return Q(workspace_id__in=whole) | Q(environment_id__in=parts) if parts else Q(workspace_id__in=whole)


def _concerned(person: UUID) -> Q:
    own = Q(requester_id=person) | Q(run_starter_id=person) | Q(agent_owner_id=person, agent_owner_id__isnull=False)
    return own | Q(also_excluded__contains=[[str(person)]])


def _voted(person: UUID) -> QuerySet[Vote]:
    return Vote.objects.filter(request_id=OuterRef("pk"), voter_id=person)


def _in_place_of(person: UUID) -> QuerySet[Vote]:
    return Vote.objects.filter(request_id=OuterRef("pk"), right_of_id=person)


def _used(person: UUID) -> Q:
    """Their right, by themselves or in their place."""
    return Q(Exists(_voted(person))) | Q(Exists(_in_place_of(person)))


def _all(rows: QuerySet[ApprovalRequest], _: Powers) -> QuerySet[ApprovalRequest]:
    return rows.filter(state=State.PENDING)


def _decided(rows: QuerySet[ApprovalRequest], _: Powers) -> QuerySet[ApprovalRequest]:
    return rows.exclude(state=State.PENDING)


BOXES = {"mine": _mine, "all": _all, "decided": _decided}


def _items(mine: Powers, rows: QuerySet[ApprovalRequest]) -> list[Item]:
    requests = list(rows)
    found = zip(requests, halted.deadlines(requests, clock.now()), strict=True)
    return [_item(mine, request, deadline) for request, deadline in found]


def _item(mine: Powers, request: ApprovalRequest, deadline: datetime) -> Item:
    votes = list(request.votes.all())
    why_not = rights.why_not(mine, request, votes)
    yes = [vote for vote in votes if vote.verdict == Verdict.APPROVE and not vote.is_taken_back]
    return Item(
        request=request,
        may_vote=not why_not,
        why_not=why_not,
        deadline=deadline,
        approvals=len(yes),
        in_place_of="" if why_not else rights.used_by(mine, request, votes).of_label,
        open_roles=open_places(request.rules, [frozenset(vote.roles) for vote in yes]),
    )


def _votes(request: ApprovalRequest) -> list[Vote]:
    return sorted(request.votes.all(), key=lambda vote: vote.cast_at)


def _has_yes(request: ApprovalRequest, votes: list[Vote], actor: Actor) -> bool:
    mine = [v for v in votes if v.voter_id == actor.id and v.verdict == Verdict.APPROVE and not v.is_taken_back]
    return bool(mine) and request.state in (State.PENDING, State.APPROVED)


def _versions(mine: Powers, request: ApprovalRequest) -> list[ApprovalRequest]:
    """Every other question about the same call, the latest first."""
    return list(_visible(mine).filter(call_id=request.call_id).exclude(pk=request.pk).order_by("-id"))
