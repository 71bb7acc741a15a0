"""Votes and what they add up to, as a table."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from approvals.tally import tally
from approvals.types import RULES, Ballot, Rules, State, Tier, Verdict

START = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
DEADLINE = START + timedelta(minutes=10)
BOB, CAROL = UUID(int=1), UUID(int=2)
ONE = RULES[Tier.STANDARD]
TWO = RULES[Tier.TWO_PERSON]


def yes(voter: UUID, minute: int = 1) -> Ballot:
    return Ballot(voter, Verdict.APPROVE, START + timedelta(minutes=minute))


def no(voter: UUID, minute: int = 1) -> Ballot:
    return Ballot(voter, Verdict.REJECT, START + timedelta(minutes=minute))


TABLE = [
    ("nobody voted", ONE, [], 1, State.PENDING, 0),
    ("nobody voted in time", ONE, [], 10, State.EXPIRED, 0),
    ("one yes of one", ONE, [yes(BOB)], 2, State.APPROVED, 1),
    ("one yes of two", TWO, [yes(BOB)], 2, State.PENDING, 1),
    ("one yes of two, time is up", TWO, [yes(BOB)], 10, State.EXPIRED, 1),
    ("the same person twice is one", TWO, [yes(BOB), yes(BOB, 2)], 3, State.PENDING, 1),
    ("two people", TWO, [yes(BOB), yes(CAROL)], 3, State.APPROVED, 2),
    ("a no decides", TWO, [yes(BOB), no(CAROL)], 3, State.REJECTED, 1),
    ("a no decides after a quorum too", ONE, [yes(BOB), no(CAROL)], 3, State.REJECTED, 1),
    ("a quorum reached in time stays", ONE, [yes(BOB)], 60, State.APPROVED, 1),
    ("a yes at the deadline is late", ONE, [yes(BOB, 10)], 10, State.EXPIRED, 0),
    ("a late second yes does not count", TWO, [yes(BOB), yes(CAROL, 11)], 11, State.EXPIRED, 1),
    ("a late no changes nothing either", ONE, [no(BOB, 11)], 11, State.EXPIRED, 0),
]


@pytest.mark.parametrize(("name", "rules", "ballots", "minute", "state", "approvals"), TABLE)
def test_tally(name: str, rules: Rules, ballots: list[Ballot], minute: int, state: State, approvals: int) -> None:
    result = tally(rules, ballots, START + timedelta(minutes=minute), DEADLINE)
    assert (result.state, result.approvals, result.quorum) == (state, approvals, rules.quorum), name


def test_every_tier_has_rules() -> None:
    assert set(RULES) == set(Tier)


def test_a_quorum_of_nobody_is_refused() -> None:
    with pytest.raises(ValueError, match="nobody"):
        Rules(quorum=0, high=False, step_up=False)
