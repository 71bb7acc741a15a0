"""Asking, deciding and using an approval.

`cast_vote` is the only decider: the console, Slack, the API and the CLI all end there. `open_request`,
`consume` and `void` are parts of the gateway's transactions.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from hmac import compare_digest
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Q, QuerySet

from approvals import halted, locks, ports, records, rights
from approvals.errors import (
    AlreadyDecided,
    ApprovalUnusable,
    MayNotVote,
    ReasonNeeded,
    RequestExpired,
    RequestNotFound,
    StaleDisplay,
    StepUpNeeded,
)
from approvals.models import ApprovalRequest, Vote
from approvals.tally import tally
from approvals.types import RULES, Ballot, Channel, Outcome, State, Tally, Tier, Verdict
from controlplane.lib import clock
from controlplane.lib.canonical import canonical
from controlplane.lib.errors import DomainError, Invalid, LostRace
from controlplane.lib.logs import get_logger
from evidence.services import record
from metering.services import record_human
from tenants import payloads, scope
from tenants.actors import Actor
from tenants.permissions import Perm, held

STEP_UP_VALID = timedelta(minutes=5)
LONGEST_REVIEW = timedelta(minutes=15)
LONGEST_REASON = 1000
LOOK_AGAIN = timedelta(seconds=5)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_log = get_logger(__name__)


@transaction.atomic
def open_request(
    *,
    call_id: UUID,
    run_id: UUID,
    workspace_id: UUID,
    action_digest: str,
    display: Mapping[str, Any],
    tier: Tier | str,
    requester_id: UUID,
    run_starter_id: UUID,
    agent_owner_id: UUID | None,
    ticket: str | None,
    expires_in_s: int,
    policy_revision: str,
    reasons: Sequence[Mapping[str, Any]],
    actor: Actor,
    halt_scopes: Sequence[tuple[str, str]] = (),
    quorum: int = 1,
    reason_required: bool = False,
) -> ApprovalRequest:
    """Ask people; the same call with the same digest asks once and gets the same request back.

    Asking for another digest takes the earlier question of that call back: what was said about it is void.
    `halt_scopes`: (kind, value) of halts that make the deadline stand still; those of the whole tenant do.
    `quorum`: how many people at least, where the tier asks for fewer. `reason_required`: a yes says why, too.
    """
    known = ApprovalRequest.objects.filter(call_id=call_id, action_digest=action_digest).first()
    if known is not None:
        return known
    _supersede(call_id, actor=actor)
    request = ApprovalRequest.objects.create(
        **_shown(display),
        **_terms(Tier(tier), expires_in_s, quorum),
        reason_required=reason_required,
        call_id=call_id,
        run_id=run_id,
        workspace_id=workspace_id,
        ticket=ticket or "",
        action_digest=action_digest,
        policy_revision=policy_revision,
        reasons=list(reasons),
        requester_id=requester_id,
        run_starter_id=run_starter_id,
        agent_owner_id=agent_owner_id,
        halt_scopes=[list(one) for one in halt_scopes],
    )
    _record(records.requested(request, canonical(display)), request, actor)
    return request


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
    stepped_up_at: datetime | None = None,
) -> Outcome:
    """Say yes or no to exactly what was seen; the vote that settles it also wakes the run.

    `seen_digest` is the display digest that the voter's page or card carried. `seen_at`: when it was shown to
    this voter, None where nobody can know. `stepped_up_at`: when the voter last proved a second factor.
    """
    request, now = locks.request(request_id), clock.now()
    deadline = halted.deadline_of(request, now)
    _check_voter(request, actor)
    _check_open(request, actor, now, deadline)
    _check_vote(request, verdict, reason, seen_digest)
    if verdict is Verdict.APPROVE and request.step_up:
        _check_step_up(channel, actor, stepped_up_at, now)
    _cast(request, actor, verdict, reason.strip(), channel, now)
    _book_time(request, actor, seen_at, now)
    return _settle(request, tally(request.rules, _ballots(request), now, deadline), actor=actor)


def consume(*, request_id: UUID, call_id: UUID, action_digest: str, actor: Actor) -> None:
    """Use an approval for the one call and digest it was given for; raises ApprovalUnusable otherwise.

    Part of the dispatch transaction. One conditional UPDATE: of any number of racing calls one gets it.
    """
    usable = ApprovalRequest.objects.filter(
        pk=request_id, call_id=call_id, action_digest=action_digest, state=State.APPROVED
    )
    if not usable.update(state=State.CONSUMED, consumed_at=clock.now()):
        raise ApprovalUnusable
    request = ApprovalRequest.objects.get(pk=request_id)
    _record(records.consumed(request, _approvers(request_id)), request, actor)


def approvals_for(request_id: UUID, *, used_by: UUID | None = None) -> list[dict[str, Any]]:
    """What the policy is told of an approval that can be used; [] for one that cannot. `reasoned`: everybody who
    said yes said why.

    `used_by`: the call that consumed it and is decided again for another attempt of the same action.
    """
    usable = Q(state=State.APPROVED) | Q(state=State.CONSUMED, call_id=used_by)
    request = ApprovalRequest.objects.filter(usable, pk=request_id).first()
    if request is None or request.decided_at is None:
        return []
    yes = list(_yes(request.pk).values_list("voter_id", "reason"))
    return [
        {
            "request_id": str(request.pk),
            "action_digest": request.action_digest,
            "approvers": [str(person) for person, _ in yes],
            "reasoned": all(reason for _, reason in yes),
            "tier": request.tier,
            "decided_at_ns": (request.decided_at - _EPOCH) // timedelta(microseconds=1) * 1000,
        }
    ]


def void(*, request_id: UUID, reason: str, actor: Actor) -> None:
    """Take the question back: what it was about will not be done. Nothing to do if it is used or closed."""
    request = locks.request(request_id)
    if request.state not in (State.PENDING, State.APPROVED):
        return
    request.void_reason = reason[:200]
    _move(request, State.VOIDED, void_reason=request.void_reason)
    _record(records.voided(request), request, actor)


def expire_due(limit: int = 100) -> int:
    """Close what nobody decided in time, in every tenant; returns how many. Running out is never a yes."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT tenant_id, request_id FROM routing.approvals_due(%s, %s)", [clock.now(), limit])
        due = cursor.fetchall()
    return sum(_expire_in(tenant_id, request_id) for tenant_id, request_id in due)


def _expire_in(tenant_id: UUID, request_id: UUID) -> bool:
    """One request in its own transaction: what goes wrong with one does not keep the others open."""
    with scope.enter(tenant_id):
        try:
            return _expire(request_id)
        except DomainError:
            _log.exception("approval request %s could not be expired", request_id)
            return False


@transaction.atomic(durable=True)
def _expire(request_id: UUID) -> bool:
    request, now = locks.request(request_id), clock.now()
    if request.state != State.PENDING:
        return False
    deadline = halted.deadline_of(request, now)
    if now < deadline:
        ApprovalRequest.objects.filter(pk=request.pk).update(due_at=max(deadline, now + LOOK_AGAIN))
        return False
    system = Actor.system(scope.current(), "approvals")
    _settle(request, tally(request.rules, _ballots(request), now, deadline), actor=system)
    return True


def _shown(display: Mapping[str, Any]) -> dict[str, str]:
    """Freezes what people are shown; the row keeps its digest and what a list needs."""
    return {
        "display_digest": payloads.put_json(display),
        "title": str(display["title"])[:200],
        "tool": str(display["tool"]),
        "risk": str(display["risk"]),
    }


def _terms(tier: Tier, expires_in_s: int, quorum: int) -> dict[str, Any]:
    """The rules as they are today, and until when."""
    now, rules = clock.now(), replace(RULES[tier], quorum=max(RULES[tier].quorum, quorum))
    deadline = now + timedelta(seconds=expires_in_s)
    return {"tier": tier, **asdict(rules), "opened_at": now, "expires_at": deadline, "due_at": deadline}


def _supersede(call_id: UUID, *, actor: Actor) -> None:
    open_states = (State.PENDING, State.APPROVED)
    earlier = ApprovalRequest.objects.filter(call_id=call_id, state__in=open_states).order_by("id")
    for pk in earlier.values_list("pk", flat=True):
        void(request_id=pk, reason="superseded: the action has changed", actor=actor)


def _check_voter(request: ApprovalRequest, actor: Actor) -> None:
    """A stranger learns nothing, a colleague learns why not."""
    perms = held(actor, request.workspace_id)
    if Perm.VIEW not in perms:
        raise RequestNotFound
    reason = rights.not_eligible(actor, request, perms)
    if reason:
        raise MayNotVote(reason)


def _check_open(request: ApprovalRequest, actor: Actor, now: datetime, deadline: datetime) -> None:
    reason = rights.not_open(actor, request)
    if reason:
        raise AlreadyDecided(reason, state=request.state)
    if now >= deadline:
        raise RequestExpired(expired_at=deadline.isoformat())


def _check_vote(request: ApprovalRequest, verdict: Verdict, reason: str, seen_digest: str) -> None:
    if not compare_digest(seen_digest.encode(), request.display_digest.encode()):
        raise StaleDisplay(display_digest=request.display_digest)
    if not reason.strip() and (verdict is Verdict.REJECT or request.reason_required):
        raise ReasonNeeded
    if len(reason) > LONGEST_REASON:
        raise Invalid(f"a reason has at most {LONGEST_REASON} characters")


def _check_step_up(channel: Channel, actor: Actor, proved_at: datetime | None, now: datetime) -> None:
    """A token or a Slack click proves an account, not that the person is there: only the console can."""
    in_console = channel is Channel.CONSOLE and actor.method == "session"
    if not in_console or proved_at is None or not timedelta(0) <= now - proved_at <= STEP_UP_VALID:
        raise StepUpNeeded


def _cast(
    request: ApprovalRequest, actor: Actor, verdict: Verdict, reason: str, channel: Channel, now: datetime
) -> None:
    request.votes.create(
        voter_id=actor.id,
        voter_label=actor.label,
        verdict=verdict,
        reason=reason,
        channel=channel,
        method=actor.method,
        seen_digest=request.display_digest,
        cast_at=now,
    )
    _record(records.vote_cast(request, actor, verdict, reason, channel), request, actor)


def _ballots(request: ApprovalRequest) -> list[Ballot]:
    return [Ballot(v.voter_id, Verdict(v.verdict), v.cast_at) for v in request.votes.order_by("id")]


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


def _settle(request: ApprovalRequest, result: Tally, *, actor: Actor) -> Outcome:
    """Write down what the votes add up to; if that decides it, tell the run in the same transaction."""
    if result.state is not State.PENDING:
        _move(request, result.state)
        _record(records.decided(request, result), request, actor)
        told = {"run_id": request.run_id, "call_id": request.call_id, "request_id": request.pk}
        ports.decided.get()(**told, state=result.state)
    return Outcome(
        request_id=request.pk,
        call_id=request.call_id,
        run_id=request.run_id,
        state=result.state,
        approvals=result.approvals,
        quorum=result.quorum,
    )


def _move(request: ApprovalRequest, to: State, **also: str) -> None:
    decided_at = request.decided_at or clock.now()
    rows = ApprovalRequest.objects.filter(pk=request.pk, state=request.state)
    if not rows.update(state=to, decided_at=decided_at, **also):
        raise LostRace
    request.state, request.decided_at = to, decided_at


def _approvers(request_id: UUID) -> list[UUID]:
    return list(_yes(request_id).values_list("voter_id", flat=True))


def _yes(request_id: UUID) -> QuerySet[Vote]:
    return Vote.objects.filter(request_id=request_id, verdict=Verdict.APPROVE).order_by("id")


def _record(event: object, request: ApprovalRequest, actor: Actor) -> None:
    record(event, actor=actor, workspace_id=request.workspace_id, run_id=request.run_id)
