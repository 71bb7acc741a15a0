"""plan() as tables: loops, sub-runs, steps that may fail, pauses, deadlines, branches on the way back."""

from datetime import UTC, datetime, timedelta

import pytest

from workflows.moves import (
    Attention,
    Close,
    Continue,
    Drop,
    Gather,
    Park,
    Probe,
    Ready,
    Recall,
    RunView,
    Start,
    StepView,
    TurnBack,
    Undo,
)
from workflows.plan import DEADLINE_PASSED, plan
from workflows.types import RunState, StepState, Stop, WaitReason

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(seconds=60)
S, R, W = StepState, RunState, WaitReason


def step(name, state, *needs, **more):
    return StepView(name, state, frozenset(needs), **more)


def run(*steps, state=R.RUNNING, **more):
    return RunView(state, NOW, steps, **more)


def effect(name, place, *needs, state=S.SUCCEEDED, where="", **more):
    return step(name, state, *needs, writes=True, effect=place, where=frozenset(where.split()), **more)


def item(place, state, **more):
    return step(f"each[{place}]", state, loop="each", **more)


LOOP = step("each", S.WAITING, parallel=2, waits_for=W.ITEMS)
BELOW = {"sub_run": True, "waits_for": W.SUB_RUN}

LOOPS = {
    "no more items than may be open": (
        run(LOOP, item(0, S.PENDING), item(1, S.PENDING), item(2, S.PENDING)),
        (Ready(("each[0]", "each[1]")),),
    ),
    "an item that is done makes room": (
        run(
            LOOP,
            item(0, S.SUCCEEDED),
            item(1, S.WAITING, waits_for=W.APPROVAL),
            item(2, S.PENDING),
            item(3, S.PENDING),
        ),
        (Ready(("each[2]",)),),
    ),
    "all items done": (run(LOOP, item(0, S.SUCCEEDED), item(1, S.SKIPPED)), (Gather("each"),)),
    "what needs the loop waits for it, not for its items": (
        run(LOOP, item(0, S.WAITING, waits_for=W.APPROVAL), step("after", S.PENDING, "each")),
        (Park(W.APPROVAL, None),),
    ),
    "an item that fails stops the run": (
        run(LOOP, item(0, S.FAILED, code="gone"), item(1, S.PENDING)),
        (Drop("each"),),
    ),
    "an item that may fail does not": (
        run(LOOP, item(0, S.FAILED, continues=True), item(1, S.SUCCEEDED)),
        (Gather("each"),),
    ),
}

SUB_RUNS = {
    "the parent waits without a time": (run(step("sub", S.WAITING, **BELOW)), (Park(W.SUB_RUN, None),)),
    "it looks when it was told": (run(step("sub", S.WAITING, due_at=NOW, **BELOW)), (Continue("sub"),)),
    "a stopped parent calls it back": (
        run(step("sub", S.WAITING, **BELOW), stop=Stop.CANCELLED),
        (Recall("sub"),),
    ),
    "and waits for its end, once asked": (
        run(step("sub", S.WAITING, recalled=True, **BELOW), stop=Stop.CANCELLED),
        (Park(W.SUB_RUN, None),),
    ),
    "which it looks at": (
        run(step("sub", S.WAITING, recalled=True, due_at=NOW, **BELOW), stop=Stop.CANCELLED),
        (Probe("sub"),),
    ),
    "another failure calls it back too": (
        run(step("a", S.FAILED, code="gone"), step("sub", S.WAITING, **BELOW)),
        (Recall("sub"),),
    ),
    "effects that a person left standing below are a person's above": (
        run(effect("sub", 1, state=S.CONFLICT, code="sub_run_abandoned")),
        (TurnBack("sub_run_abandoned"),),
    ),
    "a done sub-run with effects waits for its parent": (
        run(effect("a", 1), awaited=True),
        (Park(W.PARENT, None),),
    ),
    "one without effects does not": (run(step("a", S.SUCCEEDED), awaited=True), (Close(R.SUCCEEDED),)),
    "one that is recalled turns back": (
        run(effect("a", 1), awaited=True, stop=Stop.RECALLED),
        (TurnBack("recalled"),),
    ),
    "when the parent has ended it ends": (run(effect("a", 1)), (Close(R.SUCCEEDED),)),
}

HOLDS = {
    "a step that may fail counts as done": (
        run(step("a", S.FAILED, continues=True), step("b", S.PENDING, "a")),
        (Ready(("b",)),),
    ),
    "a paused run starts nothing": (
        run(step("a", S.READY), step("b", S.WAITING, due_at=NOW), paused=True),
        (Park(W.PAUSE, None),),
    ),
    "it does not turn back either": (run(effect("a", 1), step("b", S.FAILED), paused=True), (Park(W.PAUSE, None),)),
    "what is under way is settled": (
        run(step("a", S.UNKNOWN, due_at=NOW), step("b", S.RUNNING), paused=True),
        (Probe("a"), Probe("b")),
    ),
    "a paused run that is done ends": (run(step("a", S.SUCCEEDED), paused=True), (Close(R.SUCCEEDED),)),
    "a cancel is stronger than a pause": (run(effect("a", 1), paused=True, stop="cancelled"), (TurnBack("cancelled"),)),
    "a pause wakes for an open outcome and the deadline": (
        run(step("a", S.UNKNOWN, due_at=LATER), paused=True, deadline_at=LATER + timedelta(hours=1)),
        (Park(W.PAUSE, LATER),),
    ),
    "a wait ends at the deadline": (
        run(step("a", S.WAITING, waits_for=W.APPROVAL), deadline_at=LATER),
        (Park(W.APPROVAL, LATER),),
    ),
    "past it the run turns back": (
        run(effect("a", 1), step("b", S.READY), deadline_at=NOW),
        (TurnBack(DEADLINE_PASSED),),
    ),
    "without an effect it fails": (run(step("b", S.READY), deadline_at=NOW), (Close(R.FAILED, DEADLINE_PASSED),)),
    "a run that is done is not late": (run(effect("a", 1), deadline_at=NOW), (Close(R.SUCCEEDED),)),
    "a deadline does not hurry the way back": (
        run(effect("a", 1, state=S.COMPENSATING, waits_for=W.APPROVAL), state=R.COMPENSATING, deadline_at=NOW),
        (Park(W.APPROVAL, None),),
    ),
    "outputs that cannot be told are a failure": (
        run(step("a", S.SUCCEEDED), stop=Stop.BAD_OUTPUTS),
        (Close(R.FAILED, "bad_outputs"),),
    ),
}

BRANCHES = {
    "another branch is undone while one waits": (
        run(
            effect("a", 1, where="slack"),
            effect("b", 2, where="snow", state=S.COMPENSATING, waits_for=W.APPROVAL),
            state=R.COMPENSATING,
        ),
        (Undo("a"),),
    ),
    "not if it may have touched the same record": (
        run(
            effect("a", 1, where="snow"),
            effect("b", 2, where="snow", state=S.COMPENSATING, waits_for=W.APPROVAL),
            state=R.COMPENSATING,
        ),
        (Park(W.APPROVAL, None),),
    ),
    "not if the later one builds on it, however far": (
        run(
            effect("a", 1, where="slack"),
            step("c", S.SUCCEEDED, "a"),
            effect("b", 2, "c", where="snow", state=S.COMPENSATING, waits_for=W.APPROVAL),
            state=R.COMPENSATING,
        ),
        (Park(W.APPROVAL, None),),
    ),
    "what needs a loop needs all its items": (
        run(
            effect("each[0]", 1, where="slack", loop="each"),
            step("each", S.SUCCEEDED, parallel=1),
            effect("b", 2, "each", where="snow", state=S.CONFLICT, code="conflict"),
            state=R.COMPENSATING,
        ),
        (Attention("conflict"),),
    ),
    "a conflict holds back what it builds on, and no other branch": (
        run(
            effect("a", 1, where="slack"),
            effect("b", 2, where="snow", state=S.CONFLICT, code="conflict"),
            state=R.COMPENSATING,
        ),
        (Undo("a"),),
    ),
    "a sub-run may have touched anything": (
        run(
            effect("a", 1, where="slack"),
            effect("b", 2, state=S.COMPENSATING, waits_for=W.SUB_RUN),
            state=R.COMPENSATING,
        ),
        (Park(W.SUB_RUN, None),),
    ),
    "of many, the latest first": (
        run(effect("a", 1, where="x"), effect("b", 2, where="y"), effect("c", 3, where="z"), state=R.COMPENSATING),
        (Undo("c"), Undo("b"), Undo("a")),
    ),
}

ALL = LOOPS | SUB_RUNS | HOLDS | BRANCHES


@pytest.mark.parametrize("name", ALL)
def test_plan(name):
    view, moves = ALL[name]
    assert plan(view) == moves


def test_a_ready_step_of_another_branch_starts_while_one_waits():
    view = run(step("a", S.WAITING, waits_for=W.APPROVAL), step("b", S.READY))
    assert plan(view) == (Start("b"),)
