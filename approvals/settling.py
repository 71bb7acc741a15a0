"""What the votes add up to, and telling the run."""

from collections.abc import Sequence
from uuid import UUID

from django.db.models import QuerySet

from approvals import ports, records
from approvals.models import ApprovalRequest, Vote
from approvals.types import Ballot, Outcome, State, Tally, Verdict
from controlplane.lib import clock
from controlplane.lib.errors import LostRace
from tenants.actors import Actor


def settle(request: ApprovalRequest, result: Tally, *, actor: Actor) -> Outcome:
    """Write down what the votes add up to; if that decides it, tell the run in the same transaction."""
    write_down(request, result, actor=actor)
    return pass_on(request, result)


def write_down(request: ApprovalRequest, result: Tally, *, actor: Actor, first: Sequence[object] = ()) -> None:
    """`first`: events of this transaction that go on record before the decision, in the same statement."""
    events = list(first)
    if result.state is not State.PENDING:
        move(request, result.state)
        events.append(records.decided(request, result))
    records.tell_all(events, request, actor)


def pass_on(request: ApprovalRequest, result: Tally) -> Outcome:
    if result.state is not State.PENDING:
        tell_run(request)
    else:
        ports.changed.get()(request_id=request.pk, state=State.PENDING)
    return outcome(request, result.approvals)


def outcome(request: ApprovalRequest, approvals: int) -> Outcome:
    return Outcome(
        request_id=request.pk,
        call_id=request.call_id,
        run_id=request.run_id,
        state=State(request.state),
        approvals=approvals,
        quorum=request.quorum,
    )


def tell_run(request: ApprovalRequest) -> None:
    told = {"run_id": request.run_id, "call_id": request.call_id, "request_id": request.pk}
    ports.decided.get()(**told, state=State(request.state))


def move(request: ApprovalRequest, to: State, **also: str) -> None:
    """Compare and swap; raises LostRace."""
    decided_at = request.decided_at or clock.now()
    rows = ApprovalRequest.objects.filter(pk=request.pk, state=request.state)
    if not rows.update(state=to, decided_at=decided_at, **also):
        raise LostRace
    request.state, request.decided_at = to, decided_at
    ports.changed.get()(request_id=request.pk, state=to)


def ballots(request: ApprovalRequest) -> list[Ballot]:
    """The votes that stand, in their order."""
    return [ballot(vote) for vote in standing(request.pk).order_by("id")]


def ballot(vote: Vote) -> Ballot:
    return Ballot(vote.voter_id, Verdict(vote.verdict), vote.cast_at, frozenset(vote.roles), vote.right_of_id)


def yes(request_id: UUID) -> QuerySet[Vote]:
    return standing(request_id).filter(verdict=Verdict.APPROVE).order_by("id")


def standing(request_id: UUID) -> QuerySet[Vote]:
    return Vote.objects.filter(request_id=request_id, taken_back=None)
