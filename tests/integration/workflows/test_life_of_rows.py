"""The life of a run and its sub-run over the database: any answers, any verb at any moment, and one lawful end."""

import itertools
from collections import Counter

from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from connectors.calls import CallState
from controlplane.lib import clock
from controlplane.lib.errors import Conflict
from tests.integration.workflows.double import DONE, Scripted, at
from workflows import services
from workflows.engine import sub_runs
from workflows.models import Run, Step
from workflows.types import CLOSED_RUN_STATES, RunState

KEYS = (f"life-{number}" for number in itertools.count())
STEPS = ("first", "post1", "post2", "last")
FORWARD = st.lists(
    st.sampled_from(["WAITING_APPROVAL", "THROTTLED", "FAILED_TRANSIENT", "UNKNOWN", "HALTED", "DENIED"]), max_size=2
)
BACK = st.lists(st.sampled_from(["THROTTLED", "FAILED_TRANSIENT", "UNKNOWN", "CONFLICT"]), max_size=1)


class Ledger(Scripted):
    """The scripted gateway, which also counts what the world saw."""

    def clear(self) -> None:
        self.landed: Counter[str] = Counter()
        self.undone: Counter[str] = Counter()

    def _answer(self, verb, step, call_id, script):
        if verb == "advance":
            assert not self.landed[step], f"{step} is sent although it has landed"
        status = super()._answer(verb, step, call_id, script)
        if status.state is CallState.SUCCEEDED:
            (self.undone if verb == "compensate" else self.landed)[step] += 1
        return status


class LifeOfRows(RuleBasedStateMachine):
    def __init__(self, flow):
        super().__init__()
        self.flow = flow

    @initialize(forward=st.tuples(*[FORWARD] * 4), back=st.tuples(*[BACK] * 4))
    def begin(self, forward, back):
        door = self.flow.door
        door.clear()
        door.script = {step: self._script(states) for step, states in zip(STEPS, forward, strict=True)}
        door.undo = {step: self._script(states) for step, states in zip(STEPS, back, strict=True)}
        self.run = self.flow.start(key=next(KEYS))

    def _script(self, states):
        return [*(at(state, "x", retry_at=clock.now()) for state in states), DONE]

    def _ids(self):
        with transaction.atomic():
            return [self.run.pk, *Run.objects.filter(parent_run_id=self.run.pk).values_list("pk", flat=True)]

    @rule(which=st.integers(0, 1))
    def wake(self, which):
        ids = self._ids()
        self.flow.floor.engine.wake(ids[which % len(ids)])

    @rule()
    def somebody_decides(self):
        self._due()

    def _due(self):
        with transaction.atomic():
            waiting = Step.objects.filter(run__in=self._ids()).exclude(waits_for="").exclude(waits_for="items")
            waiting.update(due_at=clock.now())

    @rule(verb=st.sampled_from(["cancel", "pause", "resume", "retry"]), which=st.integers(0, 1))
    def a_person_asks(self, verb, which):
        ids, dana = self._ids(), self.flow.floor.dana
        reason = {"reason": "why not"} if verb in {"cancel", "pause"} else {}
        try:
            getattr(services, verb)(run_id=ids[which % len(ids)], actor=dana, **reason)
        except Conflict:
            return

    @rule()
    def bring_to_an_end(self):
        for _ in range(25):
            self._resume()
            run = self._drive()
            if run.closed_at or run.state == RunState.NEEDS_ATTENTION:
                break
            self._settle_below()
            self._due()
        else:
            raise AssertionError(self.flow.floor.story(self.run))
        self._check(self._drive())

    def _drive(self):
        """Only this run and its sub-run: those of other examples may be open still."""
        for _ in range(4):
            for run_id in reversed(self._ids()):
                self.flow.floor.engine.wake(run_id)
            sub_runs.catch_up()
        return self.flow.floor.seen(self.run)

    def _resume(self):
        for run_id in self._ids():
            try:
                services.resume(run_id=run_id, actor=self.flow.floor.dana)
            except Conflict:
                continue

    def _settle_below(self):
        """A sub-run that needs a person keeps its parent waiting."""
        for run_id in self._ids()[1:]:
            try:
                services.settle_by_person(
                    run_id=run_id, answer="abandoned", reason="as it is", actor=self.flow.floor.dana
                )
            except Conflict:
                continue

    def _check(self, run):
        door, story = self.flow.door, self.flow.floor.story(run)
        below = [child.state for child in self.flow.children(run)]
        assert set(below) <= set(CLOSED_RUN_STATES) or run.state == RunState.NEEDS_ATTENTION, (below, story)
        if run.state == RunState.SUCCEEDED:
            assert not door.undone, story
            assert set(below) == {RunState.SUCCEEDED}, story
        elif run.state == RunState.ROLLED_BACK:
            assert door.landed == door.undone, story
        elif run.state != RunState.NEEDS_ATTENTION:
            assert not door.landed, story

    @invariant()
    def nothing_lands_or_is_undone_twice(self):
        door = self.flow.door
        assert max(door.landed.values(), default=0) <= 1
        assert max(door.undone.values(), default=0) <= 1


def test_any_life_has_a_lawful_end(family):
    family.door.__class__ = Ledger
    family.door.clear()
    few = settings(max_examples=12, stateful_step_count=8, deadline=None, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(lambda: LifeOfRows(family), settings=few)
