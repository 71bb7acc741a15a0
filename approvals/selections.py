"""Many requests decided at once: exactly those that were looked at together, each by a vote of its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.core import signing

from approvals import access
from approvals.access import Item
from approvals.errors import SelectionInvalid
from approvals.types import Channel, Verdict
from approvals.voting import cast_vote
from controlplane.lib import clock
from controlplane.lib.canonical import digest
from controlplane.lib.errors import DomainError, Invalid
from tenants.actors import Actor

MOST = 100
VALID = timedelta(minutes=15)
_SALT = "approvals.selection"


@dataclass(frozen=True, slots=True)
class Chosen:
    """One request of a selection, with what it shows; `left_out` says why it cannot be decided with the others."""

    item: Item
    display: dict[str, Any] | None
    left_out: str


@dataclass(frozen=True, slots=True)
class Selection:
    """`token` stands for exactly these requests and what they show now; good for its maker, for a quarter of an hour.

    `digest`: SHA-256 of the list, in the evidence of every vote that it leads to.
    """

    token: str
    digest: str
    chosen: list[Chosen]
    left_out: list[Chosen]


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one. `code`: of the refusal, "" where the vote was taken; `state` then says where it stands."""

    request_id: UUID
    state: str
    code: str = ""
    detail: str = ""


def freeze(*, request_ids: Sequence[UUID], actor: Actor) -> Selection:
    """A selection to look at. Reads only. What is foreign or missing is not in it at all."""
    if not 0 < len(set(request_ids)) <= MOST:
        raise Invalid(f"choose between 1 and {MOST} requests", field="request_ids")
    found = [_chosen(item) for item in access.chosen(actor, list(request_ids))]
    chosen = [one for one in found if not one.left_out]
    named = [[str(one.item.id), one.item.request.display_digest] for one in chosen]
    content = {"of": [str(actor.tenant_id), str(actor.id)], "at": clock.now().isoformat(), "requests": named}
    left_out = [one for one in found if one.left_out]
    return Selection(signing.dumps(content, salt=_SALT, compress=True), digest(named), chosen, left_out)


def decide(*, token: str, actor: Actor, verdict: Verdict, reason: str, channel: Channel) -> list[Result]:
    """The same verdict on each, as it was when the selection was made; one that has changed since is refused alone."""
    named, seen_at = _opened(token, actor)
    vote = {"verdict": verdict, "reason": reason, "channel": channel, "seen_at": seen_at, "selection": digest(named)}
    return [_decide(UUID(request_id), seen, actor, vote) for request_id, seen in named]


def _decide(request_id: UUID, seen_digest: str, actor: Actor, vote: dict[str, Any]) -> Result:
    try:
        done = cast_vote(request_id=request_id, actor=actor, seen_digest=seen_digest, **vote)
    except DomainError as refused:
        return Result(request_id, "", refused.code, refused.detail)
    return Result(request_id, done.state)


def _chosen(item: Item) -> Chosen:
    display = access.display_of(item.request)
    alone = "It needs a second factor for exactly this, so it is decided on its own page." * item.request.step_up
    gone = "What was shown has expired." * (display is None)
    return Chosen(item, display, item.why_not or alone or gone)


def _opened(token: str, actor: Actor) -> tuple[list[list[str]], datetime]:
    try:
        content = signing.loads(token, salt=_SALT)
        made_at = datetime.fromisoformat(content["at"])
        mine = content["of"] == [str(actor.tenant_id), str(actor.id)]
    except (signing.BadSignature, KeyError, TypeError, ValueError) as broken:
        raise SelectionInvalid from broken
    if not mine or not timedelta(0) <= clock.now() - made_at <= VALID:
        raise SelectionInvalid
    return content["requests"], made_at
