"""What a person may see of the queue. Foreign and missing look the same."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from approvals import halted, rights
from approvals.errors import RequestNotFound
from approvals.models import ApprovalRequest, Vote
from approvals.types import State, Verdict
from controlplane.lib import clock
from tenants import payloads
from tenants.actors import Actor
from tenants.errors import PayloadExpired
from tenants.models import Workspace
from tenants.permissions import Perm, held

_Held = dict[UUID, frozenset[Perm]]


@dataclass(frozen=True)
class Item:
    """A request with what this person may do about it; `why_not` is "" when they may vote."""

    request: ApprovalRequest
    may_vote: bool
    why_not: str
    deadline: datetime
    approvals: int

    @property
    def id(self) -> UUID:
        return self.request.pk


@dataclass(frozen=True)
class Detail(Item):
    """The whole request. `display` is None once the content has expired."""

    display: dict[str, Any] | None
    votes: list[Vote]


def queue(actor: Actor, box: str = "mine", *, after: UUID | None = None, limit: int = 50) -> list[Item]:
    """A page of requests: `mine` and `all` are open, the oldest first; `decided` the newest first.

    `after` is the id of the last request of the page before. `mine` holds what this person can decide now.
    """
    held_by = _held(actor)
    rows = BOXES[box](_visible(held_by), actor, held_by)
    if after is not None:
        rows = rows.filter(id__lt=after) if box == "decided" else rows.filter(id__gt=after)
    return _items(actor, held_by, rows.order_by("-id" if box == "decided" else "id")[:limit])


def waiting(actor: Actor) -> int:
    """How many requests wait for this person, counted up to 100."""
    held_by = _held(actor)
    return _mine(_visible(held_by), actor, held_by)[:100].count()


def access_request(actor: Actor, request_id: UUID) -> Detail:
    """One request with its display and votes; raises RequestNotFound."""
    held_by = _held(actor)
    items = _items(actor, held_by, _visible(held_by).filter(pk=request_id))
    if not items:
        raise RequestNotFound
    request = items[0].request
    votes = sorted(request.votes.all(), key=lambda vote: vote.cast_at)
    return Detail(**vars(items[0]), display=_display(request), votes=votes)


def of_run(actor: Actor, run_id: UUID) -> list[Item]:
    """Every request of a run, the oldest first."""
    held_by = _held(actor)
    return _items(actor, held_by, _visible(held_by).filter(run_id=run_id).order_by("id"))


def _held(actor: Actor) -> _Held:
    """The actor's permissions by workspace, for those workspaces that they may see."""
    everywhere = {pk: held(actor, pk) for pk in Workspace.objects.values_list("pk", flat=True)}
    return {pk: perms for pk, perms in everywhere.items() if Perm.VIEW in perms}


def _visible(held_by: _Held) -> QuerySet[ApprovalRequest]:
    return ApprovalRequest.objects.filter(workspace_id__in=held_by).prefetch_related("votes")


def _mine(rows: QuerySet[ApprovalRequest], actor: Actor, held_by: _Held) -> QuerySet[ApprovalRequest]:
    """What `rights.why_not` would allow, said in SQL so that a long queue can be paged."""
    if not actor.is_person:
        return rows.none()
    standard = Q(high=False, workspace_id__in=[pk for pk, perms in held_by.items() if Perm.APPROVE in perms])
    high = Q(high=True, workspace_id__in=[pk for pk, perms in held_by.items() if Perm.APPROVE_HIGH in perms])
    own = Q(requester_id=actor.id) | Q(run_starter_id=actor.id) | Q(agent_owner_id=actor.id)
    voted = Vote.objects.filter(voter_id=actor.id).values("request_id")
    waiting = rows.filter(standard | high, state=State.PENDING)
    return waiting.exclude(own).exclude(pk__in=voted)


def _all(rows: QuerySet[ApprovalRequest], _: Actor, __: _Held) -> QuerySet[ApprovalRequest]:
    return rows.filter(state=State.PENDING)


def _decided(rows: QuerySet[ApprovalRequest], _: Actor, __: _Held) -> QuerySet[ApprovalRequest]:
    return rows.exclude(state=State.PENDING)


BOXES = {"mine": _mine, "all": _all, "decided": _decided}


def _items(actor: Actor, held_by: _Held, rows: QuerySet[ApprovalRequest]) -> list[Item]:
    requests = list(rows)
    return [
        _item(actor, request, held_by[request.workspace_id], deadline)
        for request, deadline in zip(requests, halted.deadlines(requests, clock.now()), strict=True)
    ]


def _item(actor: Actor, request: ApprovalRequest, perms: frozenset[Perm], deadline: datetime) -> Item:
    why_not = rights.why_not(actor, request, perms)
    approvals = sum(vote.verdict == Verdict.APPROVE for vote in request.votes.all())
    return Item(request, not why_not, why_not, deadline, approvals)


def _display(request: ApprovalRequest) -> dict[str, Any] | None:
    try:
        display: dict[str, Any] = payloads.get_json(request.display_digest)
    except PayloadExpired:
        return None
    return display
