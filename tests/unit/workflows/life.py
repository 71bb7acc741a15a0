"""A run on paper: the real plan, the real tables of states and landings, and no database.

The gateway is a die: a call lands, fails, waits, or leaves its outcome open. Its ledger says what the world looks
like, whatever the run believes.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.calls import CallState
from workflows.moves import (
    Attention,
    Close,
    Continue,
    Drop,
    Gather,
    Move,
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
from workflows.outcomes import EXHAUSTED, Due, landing_of, landing_of_sub_run
from workflows.plan import DROPPED, plan
from workflows.types import ENGINE_RUN_STATES, RunState, StepState, WaitReason, check_run_move, check_step_move

START = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
MOST_LOOKS = 400


@dataclass
class Paper:
    """`items`: those of each loop, which come into being when it starts. `answers`: what the next calls answer,
    from the end of the list; when it is empty a call succeeds. `in_doubt`: calls of open outcome, and the truth.
    """

    run: RunView
    items: tuple[StepView, ...] = ()
    answers: list[CallState] = field(default_factory=list)
    undo_answers: list[CallState] = field(default_factory=list)
    landed: Counter[str] = field(default_factory=Counter)
    undone: Counter[str] = field(default_factory=Counter)
    in_doubt: dict[str, bool] = field(default_factory=dict)
    subs: dict[str, RunState] = field(default_factory=dict)
    effects: int = 0

    def step(self, name: str) -> StepView:
        return next(step for step in self.run.steps if step.id == name)

    def look(self) -> Move:
        """One move, as the engine does it; answers which."""
        moves = plan(self.run)
        assert moves, f"{self.run.state} has no move"
        self.do(moves[0])
        return moves[0]

    def wake(self) -> Move:
        """Moves until the run parks, ends or needs a person."""
        for _ in range(MOST_LOOKS):
            move = self.look()
            if isinstance(move, Park | Close | Attention):
                return move
        raise AssertionError("the plan of this run does not come to an end")

    def do(self, move: Move) -> None:
        starts = self.run.state is RunState.QUEUED
        if starts or (self.run.state is RunState.WAITING and not isinstance(move, Park)):
            self.to(RunState.RUNNING)
        _DO[type(move)](self, move)

    def ready(self, names: tuple[str, ...]) -> None:
        for name in names:
            self.move(name, StepState.READY)

    def park(self) -> None:
        self.to(self.run.state if self.run.state is RunState.COMPENSATING else RunState.WAITING)

    def to(self, state: RunState) -> None:
        check_run_move(self.run.state, state)
        self.run = replace(self.run, state=state)

    def move(self, name: str, state: StepState, **changes: object) -> None:
        old = self.step(name)
        check_step_move(old.state, state)
        fresh = {"waits_for": WaitReason.NONE, "due_at": None, "code": "", **changes}
        if state in {StepState.SUCCEEDED, StepState.CONFLICT} and old.writes and old.effect is None:
            self.effects += 1
            fresh["effect"] = self.effects
        new = replace(old, state=state, **fresh)
        self.run = replace(self.run, steps=tuple(new if step is old else step for step in self.run.steps))

    def start(self, step: StepView) -> None:
        if step.parallel is not None:
            self.move(step.id, StepState.WAITING, waits_for=WaitReason.ITEMS)
            mine = tuple(item for item in self.items if item.loop == step.id)
            self.run = replace(self.run, steps=(*self.run.steps, *mine))
        elif step.sub_run:
            self.subs[step.id] = RunState.RUNNING
            self.move(step.id, StepState.WAITING, waits_for=WaitReason.SUB_RUN)
        else:
            self.move(step.id, StepState.RUNNING)
            self.send(step)

    def go_on(self, step: StepView) -> None:
        if step.sub_run:
            self.see(step)
        else:
            self.send(step)

    def send(self, step: StepView) -> None:
        """A forward dispatch: never while the outcome of an earlier one is open, never after one that landed."""
        assert step.id not in self.in_doubt, f"{step.id} is sent while its outcome is open"
        assert not self.landed[step.id], f"{step.id} is sent twice"
        assert not self.run.stop, f"{step.id} is sent although the run is to stop"
        assert not self.run.paused, f"{step.id} is sent although the run is paused"
        self.land(step, self.answers.pop() if self.answers else CallState.SUCCEEDED)

    def probe(self, step: StepView) -> None:
        if step.sub_run:
            self.see(step)
            return
        landed = self.in_doubt.pop(step.id, None)
        if landed is None:  # a crash before anything was sent
            self.land(step, CallState.PROPOSED)
        else:
            self.land(step, CallState.SUCCEEDED if landed else CallState.FAILED_TRANSIENT)

    def land(self, step: StepView, answer: CallState) -> None:
        if answer in {CallState.UNKNOWN, CallState.DISPATCHED}:
            self.in_doubt[step.id] = len(self.in_doubt) % 2 == 0
        if answer is CallState.SUCCEEDED and step.writes:
            self.landed[step.id] += 1
        landing = landing_of(answer, self.step(step.id).state)
        if landing.due is Due.BACK_OFF and self.run.now - START > timedelta(hours=4):
            landing = EXHAUSTED[landing.state]
        waits, due = landing.waits_for, self.run.now if landing.due is not Due.ON_EVENT else None
        self.move(step.id, landing.state, waits_for=waits, due_at=due, code=landing.code)

    def undo(self, step: StepView) -> None:
        if step.state is StepState.SUCCEEDED:
            self.move(step.id, StepState.COMPENSATING, due_at=self.run.now)
        if step.sub_run:
            if not self.step(step.id).recalled:
                self.recall(self.step(step.id))
            else:
                self.see(self.step(step.id))
            return
        answer = self.undo_answers.pop() if self.undo_answers else CallState.SUCCEEDED
        if answer is CallState.SUCCEEDED:
            self.undone[step.id] += 1
        landing = landing_of(answer, StepState.COMPENSATING)
        due = self.run.now if landing.due is not Due.ON_EVENT else None
        self.move(step.id, landing.state, waits_for=landing.waits_for, due_at=due, code=landing.code)

    def recall(self, step: StepView) -> None:
        self.move(step.id, step.state, waits_for=WaitReason.SUB_RUN, recalled=True)

    def see(self, step: StepView) -> None:
        """Look at a sub-run; `WAITING` stands for one that is done and waits for its parent."""
        state = self.subs[step.id]
        landing = landing_of_sub_run(state, step.state, is_done=state is RunState.WAITING)
        if landing.state is StepState.SUCCEEDED:
            self.landed[step.id] += 1
        if landing.state is StepState.COMPENSATED:
            self.undone[step.id] += 1
        self.move(step.id, landing.state, waits_for=landing.waits_for, code=landing.code)

    def pass_time(self, seconds: int) -> None:
        self.run = replace(self.run, now=self.run.now + timedelta(seconds=seconds))

    def event(self, name: str) -> None:
        """Somebody decided, or a sub-run has something to say."""
        step = self.step(name)
        self.run = replace(
            self.run,
            steps=tuple(replace(each, due_at=self.run.now) if each is step else each for each in self.run.steps),
        )

    @property
    def is_open(self) -> bool:
        return self.run.state in ENGINE_RUN_STATES


_DO: dict[type, Callable[[Paper, Any], None]] = {
    Ready: lambda paper, move: paper.ready(move.steps),
    Start: lambda paper, move: paper.start(paper.step(move.step)),
    Continue: lambda paper, move: paper.go_on(paper.step(move.step)),
    Probe: lambda paper, move: paper.probe(paper.step(move.step)),
    Recall: lambda paper, move: paper.recall(paper.step(move.step)),
    Gather: lambda paper, move: paper.move(move.step, StepState.SUCCEEDED),
    Drop: lambda paper, move: paper.move(move.step, StepState.FAILED, code=DROPPED),
    TurnBack: lambda paper, _: paper.to(RunState.COMPENSATING),
    Undo: lambda paper, move: paper.undo(paper.step(move.step)),
    Attention: lambda paper, _: paper.to(RunState.NEEDS_ATTENTION),
    Park: lambda paper, _: paper.park(),
    Close: lambda paper, move: paper.to(move.state),
}
