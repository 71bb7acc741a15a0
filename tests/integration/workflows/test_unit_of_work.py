"""A look at a run is collected in memory and written at its end, in few statements, or not at all."""

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from controlplane.lib.errors import LostRace
from evidence.models import Event
from tenants import payloads
from workflows import locks
from workflows.engine.flushing import flush
from workflows.engine.work import Work
from workflows.events import RunNeedsAttention
from workflows.models import Run, Step
from workflows.types import IllegalMove, RunState, StepState


@pytest.fixture
def lease(script):
    return locks.claim(script.start().pk)


def test_nothing_is_written_before_the_flush(script, lease):
    with transaction.atomic():
        work = Work.load(lease)
        locks.move_run(work.run, RunState.RUNNING)
        locks.move_step(work.steps["read"], StepState.READY)
        work.record(RunNeedsAttention("x"))
        assert Run.objects.get().state == RunState.QUEUED
        assert not Event.objects.filter(type="run.needs_attention").exists()
        flush([work])
        assert Run.objects.get().state == RunState.RUNNING
        assert Step.objects.get(key="read").state == StepState.READY
        assert Event.objects.filter(type="run.needs_attention").exists()


def test_all_steps_of_a_run_are_written_by_one_statement(script, lease):
    with transaction.atomic():
        work = Work.load(lease)
        for step in work.steps.values():
            locks.move_step(step, StepState.READY, code=step.key)
        with CaptureQueriesContext(connection) as made:
            flush([work])
        assert [query["sql"][:6] for query in made] == ["UPDATE", "UPDATE"]
        assert dict(Step.objects.values_list("key", "code")) == {key: key for key in work.steps}


def test_a_row_that_was_written_without_the_lock_stops_the_look(script, lease):
    with transaction.atomic():
        work = Work.load(lease)
        Step.objects.filter(key="read").update(state=StepState.SKIPPED)
        locks.move_step(work.steps["read"], StepState.READY)
        locks.move_step(work.steps["one"], StepState.READY)
        with pytest.raises(LostRace):
            flush([work])
        assert Step.objects.get(key="read").state == StepState.SKIPPED


def test_a_row_in_nobodys_hands_refuses_to_move(script):
    run = script.start()
    with pytest.raises(ValueError, match="nobody's hands"):
        locks.move_run(run, RunState.RUNNING)


def test_an_illegal_move_is_refused_before_anything_is_changed(script, lease):
    with transaction.atomic():
        work = Work.load(lease)
        with pytest.raises(IllegalMove):
            locks.move_step(work.steps["read"], StepState.SUCCEEDED)
        assert work.steps["read"].state == StepState.PENDING


def test_too_long_a_value_is_refused_not_cut(script, lease):
    with transaction.atomic():
        work = Work.load(lease)
        locks.change(work.run, code="x" * 81)
        with pytest.raises(Exception, match="too long"), transaction.atomic():
            flush([work])


def test_content_is_kept_once_and_read_back_from_memory(script, lease):
    with transaction.atomic():
        work = Work.load(lease)
        assert work.keep({"a": 1}) == work.keep({"a": 1})
        digest = work.keep({"b": 2})
        assert work.content(digest) == {"b": 2}
        flush([work])
        assert payloads.get_json(digest) == {"b": 2}


def test_a_step_that_comes_into_being_is_written_with_its_moves(script, lease):
    with transaction.atomic():
        work = Work.load(lease)
        work.add(Step(run=work.run, key="read[0]", position=9, tool="t", writes=False))
        locks.move_step(work.steps["read[0]"], StepState.READY)
        flush([work])
        locks.move_step(work.steps["read[0]"], StepState.SKIPPED)
        flush([work])
        assert Step.objects.get(key="read[0]").state == StepState.SKIPPED
