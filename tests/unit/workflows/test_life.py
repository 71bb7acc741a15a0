"""The life of a run as a stateful model: any graph, any answers, any verb at any moment.

Held after every step: transitions are in the tables (`Paper` checks each), nothing is sent twice, sent in doubt,
sent when stopped or paused; and at the end every effect is undone or stands as the state of the run says.
"""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from connectors.calls import CallState
from tests.unit.workflows.life import START, Paper
from workflows.moves import RunView, StepView
from workflows.plan import plan
from workflows.types import (
    CLOSED_RUN_STATES,
    ENGINE_RUN_STATES,
    RunState,
    StepState,
    Stop,
    WaitReason,
)

ANSWERS = st.lists(st.sampled_from(list(CallState)), max_size=12)
SYSTEMS = st.sets(st.sampled_from(["slack", "snow"]), max_size=1).map(frozenset)
WITHOUT_EFFECT = {RunState.FAILED, RunState.REJECTED, RunState.CANCELLED}


@st.composite
def graphs(draw):
    """Up to seven steps, each needing some before it; a loop with its items; sub-runs."""
    steps = []
    for place in range(draw(st.integers(1, 7))):
        before = [step.id for step in steps if not step.loop]
        needs = frozenset(draw(st.sets(st.sampled_from(before), max_size=2))) if before else frozenset()
        steps += draw(nodes(f"s{place}", needs))
    return tuple(steps)


@st.composite
def nodes(draw, name, needs):
    kind = draw(st.sampled_from(["read", "may fail", "write", "write", "sub run", "loop"]))
    where = draw(SYSTEMS)
    if kind == "loop":
        loop = StepView(name, StepState.PENDING, needs, parallel=draw(st.integers(1, 3)))
        count = draw(st.integers(0, 4))
        return [
            loop,
            *(
                StepView(f"{name}[{n}]", StepState.PENDING, frozenset({name}), True, loop=name, where=where)
                for n in range(count)
            ),
        ]
    sub_run = kind == "sub run"
    return [
        StepView(
            name,
            StepState.PENDING,
            needs,
            kind == "write" or sub_run,
            where=frozenset() if sub_run else where,
            continues=kind == "may fail",
            sub_run=sub_run,
        )
    ]


class Life(RuleBasedStateMachine):
    @initialize(steps=graphs(), answers=ANSWERS, undo_answers=ANSWERS, hours=st.none() | st.integers(1, 3))
    def begin(self, steps, answers, undo_answers, hours):
        deadline = None if hours is None else START.replace(hour=12 + hours)
        view = RunView(RunState.QUEUED, START, tuple(s for s in steps if not s.loop), deadline_at=deadline)
        items = tuple(replace(s, needs=frozenset()) for s in steps if s.loop)
        self.paper = Paper(view, items, answers, undo_answers)

    @property
    def open(self):
        return self.paper.is_open

    @precondition(lambda self: self.open)
    @rule()
    def look(self):
        self.paper.look()

    @precondition(lambda self: self.open)
    @rule()
    def wake(self):
        self.paper.wake()

    @precondition(lambda self: self.open)
    @rule(seconds=st.sampled_from([1, 600, 7200]))
    def time_passes(self, seconds):
        self.paper.pass_time(seconds)

    @precondition(lambda self: self.open)
    @rule(which=st.integers(0, 20))
    def somebody_decides(self, which):
        waiting = [step.id for step in self.paper.run.steps if step.waits_for is not WaitReason.NONE]
        if waiting:
            self.paper.event(waiting[which % len(waiting)])

    @precondition(lambda self: self.open and self.paper.subs)
    @rule(
        which=st.integers(0, 20),
        end=st.sampled_from(
            [RunState.WAITING, RunState.FAILED, RunState.REJECTED, RunState.ROLLED_BACK, RunState.ABANDONED]
        ),
    )
    def a_sub_run_moves_on(self, which, end):
        name = sorted(self.paper.subs)[which % len(self.paper.subs)]
        step, state = self.paper.step(name), self.paper.subs[name]
        if state is RunState.RUNNING and step.state is StepState.WAITING:
            self.paper.subs[name] = end
            self.paper.event(name)
        elif state is RunState.WAITING and step.recalled:
            self.paper.subs[name] = RunState.ABANDONED if end is RunState.ABANDONED else RunState.ROLLED_BACK
            self.paper.event(name)

    @precondition(lambda self: self.open)
    @rule(why=st.sampled_from(list(Stop)))
    def stop(self, why):
        if self.paper.run.state is not RunState.COMPENSATING and not self.paper.run.stop:
            self.paper.run = replace(self.paper.run, stop=why)

    @precondition(lambda self: self.open)
    @rule()
    def pause_or_resume(self):
        self.paper.run = replace(self.paper.run, paused=not self.paper.run.paused)

    @precondition(lambda self: self.open)
    @rule()
    def bring_to_an_end(self):
        """Everybody decides and time passes: no run goes on for ever, none is stuck."""
        self.paper.run = replace(self.paper.run, paused=False)
        for _ in range(200):
            self.paper.wake()
            if not self.open:
                return
            self._decide_everything()
        raise AssertionError(f"stuck: {self.paper.run}")

    @precondition(lambda self: not self.open)
    @rule()
    def what_is_over_stays_over(self):
        assert plan(self.paper.run) == ()

    def _decide_everything(self):
        self.paper.pass_time(3600)
        for step in self.paper.run.steps:
            if step.id in self.paper.subs and step.waits_for is WaitReason.SUB_RUN:
                state = self.paper.subs[step.id]
                done = {RunState.RUNNING: RunState.ROLLED_BACK if step.recalled else RunState.WAITING}
                back = {RunState.WAITING: RunState.ROLLED_BACK} if step.recalled else {}
                self.paper.subs[step.id] = (done | back).get(state, state)
            if step.waits_for is not WaitReason.NONE:
                self.paper.event(step.id)

    @invariant()
    def a_run_of_the_engine_has_a_move(self):
        if hasattr(self, "paper"):
            assert bool(plan(self.paper.run)) == (self.paper.run.state in ENGINE_RUN_STATES)

    @invariant()
    def nothing_lands_or_is_undone_twice(self):
        if hasattr(self, "paper"):
            assert max(self.paper.landed.values(), default=0) <= 1
            assert max(self.paper.undone.values(), default=0) <= 1

    @invariant()
    def what_was_undone_came_after_all_that_needs_it(self):
        if not hasattr(self, "paper"):
            return
        standing = {
            s.id for s in self.paper.run.steps if s.writes and s.effect and s.state is not StepState.COMPENSATED
        }
        for step in self.paper.run.steps:
            if step.state in {StepState.COMPENSATED, StepState.COMPENSATING}:
                above = {s.id for s in self.paper.run.steps if step.id in s.needs}
                assert not above & standing, f"{step.id} is undone before {above & standing}"

    @invariant()
    def at_the_end_every_effect_is_undone_or_stands_as_the_state_says(self):
        if not hasattr(self, "paper") or self.paper.run.state not in CLOSED_RUN_STATES:
            return
        state, landed, undone = self.paper.run.state, self.paper.landed, self.paper.undone
        assert not self.paper.in_doubt or state is RunState.ABANDONED
        if state is RunState.SUCCEEDED:
            assert not undone
        elif state in WITHOUT_EFFECT:
            assert not landed
        else:
            assert landed == undone


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=80, stateful_step_count=20, deadline=None)


@given(steps=graphs(), answers=ANSWERS, undo_answers=ANSWERS)
@settings(max_examples=100, deadline=None)
def test_every_run_comes_to_an_end(steps, answers, undo_answers):
    life = Life()
    life.begin(steps, answers, undo_answers, None)
    life.bring_to_an_end()
    assert not life.open
    life.at_the_end_every_effect_is_undone_or_stands_as_the_state_says()
