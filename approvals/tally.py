"""Counting votes. Pure: the clock and the ballots come from the caller."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from approvals.quorum import met
from approvals.types import Ballot, Rules, State, Tally, Verdict


def tally(rules: Rules, ballots: Sequence[Ballot], now: datetime, deadline: datetime) -> Tally:
    """Where a request stands.

    One no decides. A vote counts only if it was cast before the deadline, a yes once per person and once per right; a
    quorum reached in time stays reached. Running out of time is never a yes.
    """
    in_time = [b for b in ballots if b.cast_at < deadline]
    yes = counted(b for b in in_time if b.verdict is Verdict.APPROVE)
    return Tally(_state(rules, in_time, yes, expired=now >= deadline), len(yes), rules.quorum)


def counted(yes: Iterable[Ballot]) -> list[Ballot]:
    """One ballot per person, and one per right: who stands in for somebody uses that person's right up."""
    people: set[UUID] = set()
    rights: set[UUID] = set()
    kept = []
    for ballot in yes:
        right = ballot.right_of or ballot.voter_id
        if ballot.voter_id not in people and right not in rights:
            people.add(ballot.voter_id)
            rights.add(right)
            kept.append(ballot)
    return kept


def _state(rules: Rules, ballots: Sequence[Ballot], yes: Sequence[Ballot], *, expired: bool) -> State:
    if any(b.verdict is Verdict.REJECT for b in ballots):
        return State.REJECTED
    if met(rules, [ballot.roles for ballot in yes]):
        return State.APPROVED
    return State.EXPIRED if expired else State.PENDING
