"""The tables of architecture §4, written a second time as literals."""

import pytest

from workflows.types import (
    CLOSED_RUN_STATES,
    RUN_MOVES,
    STEP_MOVES,
    IllegalMove,
    RunState,
    StepState,
    check_run_move,
    check_step_move,
)

RUNS = {
    "QUEUED": "RUNNING FAILED REJECTED CANCELLED",
    "RUNNING": "WAITING SUCCEEDED COMPENSATING FAILED REJECTED CANCELLED",
    "WAITING": "RUNNING COMPENSATING FAILED REJECTED CANCELLED",
    "COMPENSATING": "ROLLED_BACK NEEDS_ATTENTION",
    "NEEDS_ATTENTION": "ROLLED_BACK ABANDONED",
}
STEPS = {
    "PENDING": "READY",
    "READY": "RUNNING SKIPPED FAILED SUCCEEDED WAITING",
    "RUNNING": "SUCCEEDED WAITING RETRYING FAILED UNKNOWN",
    "WAITING": "SUCCEEDED WAITING RETRYING FAILED UNKNOWN CONFLICT",
    "RETRYING": "SUCCEEDED WAITING RETRYING FAILED UNKNOWN",
    "UNKNOWN": "SUCCEEDED RETRYING FAILED",
    "SUCCEEDED": "COMPENSATING",
    "COMPENSATING": "COMPENSATED CONFLICT",
}


def test_every_state_has_a_row():
    assert set(RUN_MOVES) == set(RunState)
    assert set(STEP_MOVES) == set(StepState)


@pytest.mark.parametrize("old", list(RunState))
def test_a_run_moves_exactly_as_the_architecture_says(old):
    legal = {new for new in RunState if new in RUN_MOVES[old]}
    assert legal == set(RUNS.get(old, "").split())


@pytest.mark.parametrize("old", list(StepState))
def test_a_step_moves_exactly_as_the_architecture_says(old):
    assert set(STEP_MOVES[old]) == set(STEPS.get(old, "").split())


def test_a_run_with_effects_never_ends_as_if_it_had_none():
    for state in (RunState.COMPENSATING, RunState.NEEDS_ATTENTION):
        assert not RUN_MOVES[state] & {RunState.FAILED, RunState.REJECTED, RunState.CANCELLED}


@pytest.mark.parametrize("closed", sorted(CLOSED_RUN_STATES))
def test_nothing_leads_out_of_a_closed_run(closed):
    with pytest.raises(IllegalMove):
        check_run_move(closed, RunState.RUNNING)


def test_an_illegal_step_move_is_refused():
    with pytest.raises(IllegalMove):
        check_step_move(StepState.SUCCEEDED, StepState.RUNNING)
    check_step_move(StepState.WAITING, StepState.WAITING)
