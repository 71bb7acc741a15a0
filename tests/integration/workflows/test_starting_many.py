"""Many runs started at once: like one each, all or none, in as many statements as one."""

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from evidence.models import Event
from workflows import services
from workflows.errors import WorkflowUnknown
from workflows.models import Run, Step


def _starts(*keys, sys_id=None):
    return [services.Start(workflow="three-writes", trigger={"sys_id": sys_id or key * 32}, key=key) for key in keys]


def _start_all(script, starts):
    floor = script.floor
    return services.start_runs(starts=starts, environment_id=floor.side.environment.id, starter=floor.sender)


def test_many_runs_are_started_like_one(script):
    runs = _start_all(script, _starts("a", "b", "c"))
    assert [run.start_key.rpartition(":")[2] for run in runs] == ["a", "b", "c"]
    with transaction.atomic():
        assert Event.objects.filter(type="run.started").count() == 3
        assert Step.objects.filter(run__in=runs).count() == 12
    assert [script.wake(run).state for run in runs] == ["SUCCEEDED"] * 3


def test_a_start_of_many_answers_what_is_already_there(script):
    first = _start_all(script, _starts("a", "b"))
    again = _start_all(script, _starts("b", "c", "c", "a"))
    assert [run.pk for run in again] == [first[1].pk, again[1].pk, again[1].pk, first[0].pk]
    with transaction.atomic():
        assert Event.objects.filter(type="run.started").count() == 3
        assert Run.objects.count() == 3


def test_two_events_about_one_ticket_in_one_start_are_one_run(script):
    runs = _start_all(script, _starts("a", "b", sys_id="f" * 32))
    assert runs[0].pk == runs[1].pk


def test_a_start_of_many_is_all_or_nothing(script):
    wrong = services.Start(workflow="nobody", trigger={}, key="z")
    with pytest.raises(WorkflowUnknown):
        _start_all(script, [*_starts("a"), wrong])
    with transaction.atomic():
        assert Run.objects.count() == 0


def test_a_start_of_many_takes_no_more_statements_than_a_start_of_few(script):
    counted = []
    for keys in ("ab", "cdefghij"):
        with CaptureQueriesContext(connection) as made:
            _start_all(script, _starts(*keys))
        counted.append(
            [query["sql"] for query in made if "datakey" not in (query["sql"] or "")]
        )  # until one has committed
    assert len(counted[1]) <= len(counted[0])
