"""Many events in one go: the same record as one by one, in a number of statements that does not grow."""

import uuid
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from evidence import services
from evidence.models import Event, Pending
from evidence.recording import Entry
from tenants.actors import Actor
from tenants.errors import ScopeConflict
from tenants.events import TenantCreated


@pytest.fixture
def system(world: SimpleNamespace) -> Actor:
    return Actor.system(world.a.tenant.id, "test")


def _entries(actor: Actor, runs: list[uuid.UUID], each: int) -> list[Entry]:
    return [Entry(TenantCreated(f"{n}"), actor, None, run) for n in range(each) for run in runs]


def test_the_runs_of_a_batch_keep_their_own_order(world: SimpleNamespace, in_scope: Callable, system: Actor) -> None:
    runs = [uuid.uuid4(), uuid.uuid4()]
    with in_scope(world.a.tenant):
        receipts = services.record_many(_entries(system, runs, 3))
        for at, run in enumerate(runs):
            told = list(Event.objects.filter(run_id=run).order_by("run_seq").values_list("pk", flat=True))
            assert told == [receipt.id for receipt in receipts[at::2]]
        assert list(Pending.objects.order_by("id").values_list("event_id", flat=True))[-6:] == [r.id for r in receipts]


def test_more_events_take_no_more_statements(world: SimpleNamespace, in_scope: Callable, system: Actor) -> None:
    counts = []
    with in_scope(world.a.tenant):
        for size in (2, 20):
            runs = [uuid.uuid4() for _ in range(size)]
            services.record_many(_entries(system, runs, 1))
            with CaptureQueriesContext(
                connection,
            ) as seen:
                services.record_many(_entries(system, runs, 2))
            counts.append(len(seen))
    assert counts[0] == counts[1] <= 4, counts


def test_one_strange_actor_keeps_the_whole_batch_out(world: SimpleNamespace, in_scope: Callable, system: Actor) -> None:
    stranger = Actor.system(world.b.tenant.id, "test")
    run = uuid.uuid4()
    with in_scope(world.a.tenant):
        entries = [Entry(TenantCreated("a"), system, None, run), Entry(TenantCreated("b"), stranger, None, run)]
        with pytest.raises(ScopeConflict), transaction.atomic():
            services.record_many(entries)
        assert not Event.objects.filter(run_id=run).exists()
