"""Counting votes. Pure: the clock and the ballots come from the caller."""

from collections.abc import Sequence
from datetime import datetime

from approvals.types import Ballot, Rules, State, Tally, Verdict


def tally(rules: Rules, ballots: Sequence[Ballot], now: datetime, deadline: datetime) -> Tally:
    """Where a request stands.

    One no decides. A vote counts only if it was cast before the deadline, a yes once per person; a quorum
    reached in time stays reached. Running out of time is never a yes.
    """
    in_time = [b for b in ballots if b.cast_at < deadline]
    voters = {b.voter_id for b in in_time if b.verdict is Verdict.APPROVE}
    return Tally(_state(rules, in_time, len(voters), expired=now >= deadline), len(voters), rules.quorum)


def _state(rules: Rules, ballots: Sequence[Ballot], approvals: int, *, expired: bool) -> State:
    if any(b.verdict is Verdict.REJECT for b in ballots):
        return State.REJECTED
    if approvals >= rules.quorum:
        return State.APPROVED
    return State.EXPIRED if expired else State.PENDING
