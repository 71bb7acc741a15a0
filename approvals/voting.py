"""The only decider. The console, Slack, the API and the CLI all end in `cast_vote`."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hmac import compare_digest
from uuid import UUID

from django.db import transaction

from approvals import halted, links, locks, ports, powers, records, rights
from approvals.errors import (
    AlreadyDecided,
    MayNotVote,
    NothingToTakeBack,
    ReasonNeeded,
    RequestExpired,
    RequestNotFound,
    StaleDisplay,
)
from approvals.events import VoteCast
from approvals.models import ApprovalRequest, TakenBack, Vote
from approvals.powers import NOBODY, Powers
from approvals.quorum import met
from approvals.settling import ballot, ballots, outcome, pass_on, settle, write_down
from approvals.tally import counted, tally
from approvals.types import Channel, Outcome, State, Tally, Verdict
from controlplane.lib import clock
from controlplane.lib.errors import Invalid
from metering.services import record_human
from tenants import stepup
from tenants.access import roles_in
from tenants.actors import Actor
from tenants.errors import StepUpRequired
from tenants.models import StepUp
from tenants.permissions import Perm

LONGEST_REVIEW = timedelta(minutes=15)
LONGEST_REASON = 1000


@dataclass(frozen=True, slots=True)
class _Ballot:
    """A vote on its way: all of it checked, nothing written."""

    verdict: Verdict
    reason: str
    channel: Channel
    selection: str
    now: datetime
    proof: StepUp | None


@transaction.atomic(durable=True)
def cast_vote(
    *,
    request_id: UUID,
    actor: Actor,
    verdict: Verdict,
    reason: str,
    channel: Channel,
    seen_digest: str,
    seen_at: datetime | None = None,
    selection: str = "",
    with_it: Callable[[], None] | None = None,
) -> Outcome:
    """Say yes or no to exactly what was seen; the vote that settles it also wakes the run.

    `seen_digest` is the display digest that the voter's page or card carried. `seen_at`: when it was shown to
    this voter, None where nobody can know. `selection`: digest of the frozen selection that this is one of. A yes
    where the tier asks for it uses up a proof of the voter's second factor for exactly this action (`tenants.stepup`).
    `with_it`: what becomes true with the vote or not at all; what it raises undoes the vote.
    """
    request, now = locks.request(request_id), clock.now()
    deadline, mine = halted.deadline_of(request, now), powers.in_workspace(actor, request.workspace_id)
    votes = _votes(request)
    _check_voter(request, mine)
    _check_open(request, mine, votes, now, deadline)
    _check_vote(request, verdict, reason, seen_digest)
    needs_proof = verdict is Verdict.APPROVE and request.step_up
    proof = _proof(request, actor, channel, now) if needs_proof else None
    vote, told = _cast(request, mine, votes, _Ballot(verdict, reason.strip(), channel, selection, now, proof))
    cast = [ballot(earlier) for earlier in votes if not earlier.is_taken_back] + [ballot(vote)]
    result = tally(request.rules, cast, now, deadline)
    write_down(request, result, actor=actor, first=[told])
    _book_time(request, actor, seen_at, now)
    if with_it is not None:
        with_it()
    return pass_on(request, result)


@transaction.atomic(durable=True)
def take_back(*, request_id: UUID, actor: Actor, reason: str) -> Outcome:
    """One's own yes, as long as it was not used. It cannot be given again; where it was decisive, that is a no.

    Raises NothingToTakeBack, ReasonNeeded, and RequestNotFound for strangers.
    """
    request, now = locks.request(request_id), clock.now()
    vote = _own_yes(request, actor)
    _check_reason(reason, needed=True)
    TakenBack.objects.create(vote=vote, reason=reason.strip(), at=now)
    records.tell(records.taken_back(request, vote, reason.strip()), request, actor)
    yes = counted(ballot for ballot in ballots(request) if ballot.verdict is Verdict.APPROVE)
    if request.state == State.APPROVED and not met(request.rules, [ballot.roles for ballot in yes]):
        return settle(request, Tally(State.REJECTED, len(yes), request.quorum), actor=actor)
    ports.changed.get()(request_id=request.pk, state=State(request.state))
    return outcome(request, len(yes))


def _own_yes(request: ApprovalRequest, actor: Actor) -> Vote:
    _check_visible(powers.in_workspace(actor, request.workspace_id), request)
    if request.state not in (State.PENDING, State.APPROVED):
        raise NothingToTakeBack("It is decided and used, or no longer asked.", state=request.state)
    vote = request.votes.filter(voter_id=actor.id, verdict=Verdict.APPROVE, taken_back=None).first()
    if vote is None:
        raise NothingToTakeBack
    return vote


def _check_visible(mine: Powers, request: ApprovalRequest) -> None:
    """A stranger learns nothing."""
    if Perm.VIEW not in mine.own.get(request.workspace_id, NOBODY):
        raise RequestNotFound


def _check_voter(request: ApprovalRequest, mine: Powers) -> None:
    """A colleague learns why not."""
    _check_visible(mine, request)
    reason = rights.not_eligible(mine, request)
    if reason:
        raise MayNotVote(reason)


def _votes(request: ApprovalRequest) -> list[Vote]:
    """All that were cast. The request is locked, so they stay all until this transaction ends."""
    return list(Vote.objects.filter(request_id=request.pk).select_related("taken_back").order_by("id"))


def _check_open(
    request: ApprovalRequest, mine: Powers, votes: Sequence[Vote], now: datetime, deadline: datetime
) -> None:
    reason = rights.not_open(mine, request, votes)
    if reason:
        raise AlreadyDecided(reason, state=request.state)
    if now >= deadline:
        raise RequestExpired(expired_at=deadline.isoformat())


def _check_vote(request: ApprovalRequest, verdict: Verdict, reason: str, seen_digest: str) -> None:
    if not compare_digest(seen_digest.encode(), request.display_digest.encode()):
        raise StaleDisplay(display_digest=request.display_digest)
    _check_reason(reason, needed=verdict is Verdict.REJECT or request.reason_required)


def _check_reason(reason: str, *, needed: bool) -> None:
    if needed and not reason.strip():
        raise ReasonNeeded
    if len(reason) > LONGEST_REASON:
        raise Invalid(f"a reason has at most {LONGEST_REASON} characters")


def _proof(request: ApprovalRequest, actor: Actor, channel: Channel, now: datetime) -> StepUp:
    """A token or a Slack click proves an account, not that the person is there: only the console can."""
    where = {"console": links.console(request.pk)}
    if channel is not Channel.CONSOLE or actor.method != "session":
        raise StepUpRequired(**where)
    digest, passkey_only = request.action_digest, request.passkey_only
    try:
        return stepup.spend(user_id=actor.id, action_digest=digest, now=now, passkey_only=passkey_only)
    except StepUpRequired as missing:
        missing.extra.update(where)
        raise


def _cast(request: ApprovalRequest, mine: Powers, votes: Sequence[Vote], given: _Ballot) -> tuple[Vote, VoteCast]:
    """The vote and what is to be said of it."""
    actor, right = mine.actor, rights.used_by(mine, request, votes)
    vote = request.votes.create(
        voter_id=actor.id,
        voter_label=actor.label,
        right_of_id=right.of_id,
        right_of_label=right.of_label,
        roles=roles_in(right.of_id or actor.id, request.workspace_id, request.environment_id),
        verdict=given.verdict,
        reason=given.reason,
        channel=given.channel,
        method=actor.method,
        step_up_method=given.proof.method if given.proof else "",
        selection=given.selection,
        seen_digest=request.display_digest,
        cast_at=given.now,
    )
    assertion = bytes(given.proof.assertion or b"") if given.proof else b""
    return vote, records.vote_cast(request, vote, assertion)


def _book_time(request: ApprovalRequest, actor: Actor, seen_at: datetime | None, now: datetime) -> None:
    """Nobody is charged for a night: a review counts for a quarter of an hour at most."""
    since = max(seen_at or request.opened_at, request.opened_at)
    spent = min(max(now - since, timedelta(0)), LONGEST_REVIEW)
    record_human(
        run_id=request.run_id,
        request_id=request.pk,
        seconds=math.ceil(spent.total_seconds()),
        measured=seen_at is not None,
        workspace_id=request.workspace_id,
        ticket=request.ticket,
        actor=actor,
    )
