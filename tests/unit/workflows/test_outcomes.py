"""Where a step lands: closed tables over every state of a call."""

import pytest

from connectors.calls import CallState
from workflows.outcomes import BACK, EXHAUSTED, FORWARD, Due, landing_of
from workflows.types import STEP_MOVES, StepState, WaitReason

S = StepState
WAITS = (S.WAITING, S.RETRYING, S.UNKNOWN, S.COMPENSATING)


@pytest.mark.parametrize("table", [FORWARD, BACK])
def test_every_state_of_a_call_lands_somewhere(table):
    assert set(table) == set(CallState)


@pytest.mark.parametrize("state", list(CallState))
@pytest.mark.parametrize("step", [S.RUNNING, S.WAITING, S.RETRYING, S.COMPENSATING])
def test_every_landing_is_a_legal_move(step, state):
    landing = landing_of(state, step)
    assert landing.state in STEP_MOVES[step] | {step}


@pytest.mark.parametrize("table", [FORWARD, BACK])
def test_only_what_waits_has_a_reason_and_a_time(table):
    for landing in table.values():
        waits = landing.state in WAITS
        assert (landing.waits_for is not WaitReason.NONE) == waits
        assert waits or landing.due is Due.ON_EVENT


@pytest.mark.parametrize("state", [s for s in CallState if FORWARD[s].state is S.WAITING])
def test_an_unknown_step_that_was_not_sent_is_retried(state):
    assert landing_of(state, S.UNKNOWN).state is S.RETRYING


def test_a_call_with_an_open_outcome_is_never_taken_for_a_failure():
    for state in (CallState.DISPATCHED, CallState.UNKNOWN):
        assert FORWARD[state].state is S.UNKNOWN
        assert BACK[state].state is S.COMPENSATING


def test_the_way_back_ends_undone_or_with_a_person():
    ends = {landing.state for landing in BACK.values() if landing.state is not S.COMPENSATING}
    assert ends == {S.COMPENSATED, S.CONFLICT}
    assert EXHAUSTED[S.COMPENSATING].state is S.CONFLICT


def test_exactly_what_backs_off_can_be_exhausted():
    backs_off = {landing.state for landing in (*FORWARD.values(), *BACK.values()) if landing.due is Due.BACK_OFF}
    assert backs_off == set(EXHAUSTED)
