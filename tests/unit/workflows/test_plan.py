"""plan() and unwind() as tables."""

from datetime import UTC, datetime, timedelta

import pytest

from workflows.plan import (
    Attention,
    Close,
    Continue,
    Drop,
    Park,
    Probe,
    Ready,
    RunView,
    Start,
    StepView,
    TurnBack,
    Undo,
    plan,
    unwind,
)
from workflows.types import ENGINE_RUN_STATES, RunState, StepState, WaitReason

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
SOON = NOW + timedelta(seconds=5)
LATER = NOW + timedelta(seconds=60)

S, R, W = StepState, RunState, WaitReason


def step(name, state, *needs, **more):
    return StepView(name, state, frozenset(needs), **more)


def run(*steps, state=R.RUNNING, stop=""):
    return RunView(state, NOW, steps, stop)


SECOND = {"writes": True, "effect": 2}
DONE = step("read", S.SUCCEEDED)
WROTE = step("write", S.SUCCEEDED, "read", writes=True, effect=1)
TOLD = step("tell", S.SUCCEEDED, "write", writes=True, effect=2)

FORWARD = {
    "a step without needs becomes ready": (
        run(step("read", S.PENDING), step("write", S.PENDING, "read")),
        (Ready(("read",)),),
    ),
    "a skipped step counts as done": (
        run(step("read", S.SKIPPED), step("write", S.PENDING, "read")),
        (Ready(("write",)),),
    ),
    "a ready step starts": (run(step("read", S.READY)), (Start("read"),)),
    "a running step found at wake-up was left by a crash and goes on": (
        run(DONE, step("write", S.RUNNING)),
        (Continue("write"),),
    ),
    "a waiting step that is due goes on": (
        run(step("write", S.WAITING, due_at=NOW, waits_for=W.APPROVAL)),
        (Continue("write"),),
    ),
    "an unknown step is probed, never continued": (
        run(step("write", S.UNKNOWN, due_at=NOW, waits_for=W.TIMER, writes=True)),
        (Probe("write"),),
    ),
    "an approval has no timer": (
        run(step("write", S.WAITING, waits_for=W.APPROVAL)),
        (Park(W.APPROVAL, None),),
    ),
    "parallel waits: the person is named, the timer wakes": (
        run(
            step("a", S.WAITING, waits_for=W.APPROVAL),
            step("b", S.RETRYING, due_at=LATER, waits_for=W.TIMER),
            step("c", S.RETRYING, due_at=SOON, waits_for=W.TIMER),
        ),
        (Park(W.APPROVAL, SOON),),
    ),
    "while one branch waits another goes on": (
        run(step("a", S.WAITING, waits_for=W.APPROVAL), step("b", S.READY)),
        (Start("b"),),
    ),
    "all done": (run(DONE, WROTE, TOLD), (Close(R.SUCCEEDED),)),
}

TURNING = {
    "a failure without effects fails the run": (
        run(DONE, step("write", S.FAILED, code="acl")),
        (Close(R.FAILED, "acl"),),
    ),
    "a rejection without effects rejects it": (
        run(DONE, step("write", S.FAILED, code="approval_rejected")),
        (Close(R.REJECTED, "approval_rejected"),),
    ),
    "a denial too": (
        run(DONE, step("write", S.FAILED, code="policy_denied")),
        (Close(R.REJECTED, "policy_denied"),),
    ),
    "a denial with effects leads through compensation": (
        run(DONE, WROTE, step("tell", S.FAILED, code="policy_denied")),
        (TurnBack("policy_denied"),),
    ),
    "a cancelled run without effects is cancelled": (
        run(DONE, stop="cancelled"),
        (Close(R.CANCELLED, "cancelled"),),
    ),
    "a cancelled run with effects turns back": (run(DONE, WROTE, stop="cancelled"), (TurnBack("cancelled"),)),
    "what only waits is dropped first": (
        run(WROTE, step("tell", S.WAITING, waits_for=W.APPROVAL), stop="cancelled"),
        (Drop("tell"),),
    ),
    "an open outcome is settled before anything is undone": (
        run(WROTE, step("tell", S.UNKNOWN, writes=True, due_at=NOW, waits_for=W.TIMER), stop="cancelled"),
        (Probe("tell"),),
    ),
    "one that a person must tell is waited for": (
        run(WROTE, step("tell", S.UNKNOWN, writes=True, waits_for=W.RECONCILE), stop="cancelled"),
        (Park(W.RECONCILE, None),),
    ),
    "a call left by a crash is probed, not sent, once the run is cancelled": (
        run(step("write", S.RUNNING, writes=True), stop="cancelled"),
        (Probe("write"),),
    ),
    "pending steps need no move": (
        run(step("a", S.FAILED, code="x"), step("b", S.PENDING, "a")),
        (Close(R.FAILED, "x"),),
    ),
}

BACK = {
    "the latest effect is undone first": (run(WROTE, TOLD, state=R.COMPENSATING), (Undo("tell"),)),
    "one at a time": (
        run(WROTE, step("tell", S.COMPENSATING, due_at=NOW, **SECOND), state=R.COMPENSATING),
        (Undo("tell"),),
    ),
    "an undo that waits for approval holds the earlier ones back": (
        run(WROTE, step("tell", S.COMPENSATING, waits_for=W.APPROVAL, **SECOND), state=R.COMPENSATING),
        (Park(W.APPROVAL, None),),
    ),
    "then the one before": (run(WROTE, step("tell", S.COMPENSATED, **SECOND), state=R.COMPENSATING), (Undo("write"),)),
    "a conflict stops the way back": (
        run(WROTE, step("tell", S.CONFLICT, code="conflict", **SECOND), state=R.COMPENSATING),
        (Attention("conflict"),),
    ),
    "reads are not undone": (
        run(DONE, step("write", S.COMPENSATED), state=R.COMPENSATING),
        (Close(R.ROLLED_BACK),),
    ),
}


@pytest.mark.parametrize("name", [*FORWARD, *TURNING, *BACK])
def test_plan(name):
    view, moves = (FORWARD | TURNING | BACK)[name]
    assert plan(view) == moves


@pytest.mark.parametrize("state", sorted(set(RunState) - ENGINE_RUN_STATES))
def test_a_run_that_is_not_the_engines_is_left_alone(state):
    assert plan(run(DONE, WROTE, state=state)) == ()


def test_unwind_follows_the_order_of_effects_not_of_the_file():
    first = step("a", S.SUCCEEDED, writes=True, effect=2)
    second = step("b", S.SUCCEEDED, writes=True, effect=1)
    assert unwind(run(first, second, DONE)) == ("a", "b")


def test_unwind_leaves_out_what_never_took_effect():
    untouched = [step(s, s, writes=True) for s in S if s is not S.SUCCEEDED]
    assert unwind(run(*untouched)) == ()


def test_an_effect_without_a_place_is_refused():
    with pytest.raises(ValueError, match="no place among the effects"):
        unwind(run(step("a", S.SUCCEEDED, writes=True)))


def test_a_run_that_can_never_end_is_an_error():
    with pytest.raises(ValueError, match="never end"):
        plan(run(step("a", S.PENDING, "b"), step("b", S.PENDING, "a")))
