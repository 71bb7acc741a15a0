"""A process remembers where it left a run. What it remembers is a guess, and a wrong one changes nothing."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, connections, transaction

from controlplane.lib.events import Committed
from controlplane.lib.ids import uuid7
from evidence import heads, services
from evidence.errors import RunPruned, WrongLog
from evidence.models import Event, Pending, RunHead, ShredKey
from tenants import scope
from tenants.actors import Actor
from tests.integration.evidence.events import Noted

WRITERS, EACH = 4, 15


@pytest.fixture
def run(committed_db: str, world: SimpleNamespace) -> Iterator[SimpleNamespace]:
    tenant, run_id = world.a.tenant.id, uuid7()
    actor = Actor.system(tenant, "test")

    def note(text: str = "x", secret: Committed | None = None) -> UUID:
        with scope.enter(tenant), transaction.atomic():
            told = Noted(text, secret)
            return services.record(told, actor=actor, workspace_id=world.a.workspace.id, run_id=run_id).id

    yield SimpleNamespace(id=run_id, tenant=tenant, note=note)
    connections.close_all()


def chain(run: SimpleNamespace) -> list[tuple[UUID, int]]:
    """The events of the run; each names the one before, and the queue has them in their order."""
    with scope.enter(run.tenant), transaction.atomic():
        events = list(Event.objects.filter(run_id=run.id).order_by("run_seq"))
        queued = list(Pending.objects.filter(event_id__in=[event.pk for event in events]).order_by("pk"))
        head = RunHead.objects.get(pk=run.id)
    for before, event in pairwise(events):
        assert bytes(before.event_hash).hex() in bytes(event.body).decode()
    assert [row.event_id for row in queued] == [event.pk for event in events]
    assert (head.seq, bytes(head.last_hash)) == (events[-1].run_seq, bytes(events[-1].event_hash))
    return [(event.pk, event.run_seq) for event in events]


def test_whoever_wrote_last_in_a_run_goes_on_with_one_statement(run: SimpleNamespace) -> None:
    first = run.note()
    asked: list[str] = []

    def listening(execute: Any, sql: str, *rest: Any) -> Any:
        asked.append(sql)
        return execute(sql, *rest)

    with connection.execute_wrapper(listening):
        second = run.note()
    assert len(asked) == 1
    assert chain(run) == [(first, 1), (second, 2)]


def test_a_run_that_another_process_carried_on_is_asked_for_its_end(run: SimpleNamespace) -> None:
    first = run.note()
    with scope.enter(run.tenant):
        stale = heads.recall(run.id)
    second = run.note()
    with scope.enter(run.tenant):
        heads.remember([stale])
    third = run.note()
    assert chain(run) == [(first, 1), (second, 2), (third, 3)]


def test_what_was_undone_is_not_gone_on_from(run: SimpleNamespace) -> None:
    first = run.note()
    with scope.enter(run.tenant), transaction.atomic():
        run.note()
        transaction.set_rollback(True)
    second = run.note()
    assert chain(run) == [(first, 1), (second, 2)]


def test_a_run_that_was_pruned_meanwhile_takes_no_more(run: SimpleNamespace) -> None:
    run.note()
    with scope.enter(run.tenant), transaction.atomic():
        RunHead.objects.filter(pk=run.id).update(pruned=True)
    with pytest.raises(RunPruned):
        run.note()


def test_content_is_written_under_the_lock_with_one_key_of_the_run(run: SimpleNamespace) -> None:
    run.note()
    for _ in range(2):
        run.note(secret=Committed(b"secret"))
    assert [seq for _, seq in chain(run)] == [1, 2, 3]
    with scope.enter(run.tenant), transaction.atomic():
        assert ShredKey.objects.filter(subject_id=run.id).count() == 1


def test_what_one_tenant_wrote_is_not_remembered_for_another(run: SimpleNamespace) -> None:
    run.note()
    with scope.enter(uuid7()):
        assert heads.recall(run.id) is None


def test_no_more_runs_are_remembered_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heads, "MOST", 2)
    runs = [uuid7() for _ in range(3)]
    with scope.enter(uuid7()):
        heads.remember([heads.End(run_id, uuid7()) for run_id in runs])
        assert [heads.recall(run_id) is None for run_id in runs] == [True, False, False]


def test_writers_of_one_run_that_all_remember_it_make_one_chain(run: SimpleNamespace) -> None:
    run.note()

    def write(_: int) -> None:
        try:
            for _ in range(EACH):
                run.note()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(WRITERS) as crew:
        list(crew.map(write, range(WRITERS)))
    assert [seq for _, seq in chain(run)] == list(range(1, 1 + 1 + WRITERS * EACH))


def test_a_run_writes_into_its_own_log_whatever_is_remembered(run: SimpleNamespace) -> None:
    run.note()
    actor = Actor.system(run.tenant, "test")
    with scope.enter(run.tenant), transaction.atomic(), pytest.raises(WrongLog):
        services.record(Noted("x"), actor=actor, workspace_id=uuid7(), run_id=run.id)
