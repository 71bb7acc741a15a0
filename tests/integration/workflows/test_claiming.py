"""The queue: fair between tenants, by priority, within limits, and without reading what it does not take."""

from contextlib import contextmanager
from datetime import timedelta
from types import SimpleNamespace

import psycopg
import pytest
from django.db import connection, transaction

from controlplane.lib import clock
from tenants import scope
from tests import ground
from tests.running import stopped_run
from workflows import claiming, locks, wakeups
from workflows.claiming import Queue
from workflows.models import Run


@contextmanager
def within(tenant):
    with scope.enter(tenant.id), transaction.atomic():
        yield


@pytest.fixture
def waiting(world):
    """`waiting(side, n, …)`: n queued runs of a tenant, oldest first; returns their ids."""
    pattern = {}

    def make(side, count=1, **changes):
        if side.tenant.id not in pattern:
            pattern[side.tenant.id] = stopped_run(SimpleNamespace(a=side)).pk
        with within(side.tenant):
            known = Run.objects.get(pk=pattern[side.tenant.id])
            runs = [_copy(known, n, changes) for n in range(count)]
            return [run.pk for run in Run.objects.bulk_create(runs)]

    return make


def _copy(known, n, changes):
    fresh = {f.attname: getattr(known, f.attname) for f in Run._meta.concrete_fields}
    del fresh["id"], fresh["created_at"]
    now = clock.now() - timedelta(seconds=100 - n / 100)
    queued = {"state": "QUEUED", "effects": 0, "ready_at": now, "wake_at": now, "ticket_key": ""}
    run = Run(**{**fresh, **queued, **changes})
    run.start_key = str(run.pk)
    return run


def taken(most=50, queue=None):
    leases = (queue or Queue()).claim(most)
    return {tenant: [lease.run_id for lease in mine] for tenant, mine in leases.items()}


def test_a_claim_takes_the_oldest_and_gives_each_a_higher_fence(world, waiting):
    ids = waiting(world.a, 5)
    leases = Queue().claim(3)[world.a.tenant.id]
    assert sorted(lease.run_id for lease in leases) == sorted(ids[:3])
    assert {lease.fence for lease in leases} == {1}
    with within(world.a.tenant):
        rows = Run.objects.filter(pk__in=ids[:3])
        assert {(r.ready_at, r.nudged, r.crashes) for r in rows} == {(None, False, 1)}
        assert all(r.lease_until == r.wake_at > clock.now() for r in rows)
    assert sorted(taken()[world.a.tenant.id]) == sorted(ids[3:])
    assert taken() == {}


@pytest.mark.parametrize("known", [0, 1, 5], ids=lambda known: f"planned for {known} rows")
def test_a_claim_takes_no_more_than_asked_whatever_the_plan(committed_db, world, waiting, known):
    for count in range(6):
        if count == known:
            with psycopg.connect(ground.superuser_dsn(committed_db), autocommit=True) as admin:
                admin.execute("VACUUM ANALYZE workflows_run")
        if count < 5:
            waiting(world.a, 1)
    assert len(Queue().claim(3)[world.a.tenant.id]) == 3
    assert claiming.make_due(clock.now() + timedelta(days=1), 2) == 2


def test_a_thousand_runs_of_one_tenant_do_not_starve_the_one_of_another(world, waiting):
    waiting(world.a, 1000)
    alone = waiting(world.b, 1)
    found = taken(10)
    assert found[world.b.tenant.id] == alone
    assert len(found[world.a.tenant.id]) == 5


def test_the_next_walk_goes_on_where_the_last_one_ended(world, waiting):
    waiting(world.a, 5)
    waiting(world.b, 5)
    queue = Queue()
    turns = [next(iter(taken(1, queue))) for _ in range(4)]
    assert turns[0] != turns[1]
    assert turns[:2] == turns[2:]


def test_the_more_urgent_goes_first_whatever_its_age(world, waiting):
    waiting(world.a, 3, priority=5)
    urgent = waiting(world.a, 2, priority=1, ready_at=clock.now())
    assert sorted(taken(2)[world.a.tenant.id]) == sorted(urgent)


def test_a_workflow_runs_only_so_often_at_once(world, waiting):
    limited = {"concurrency_key": "w", "lane": "w", "max_running": 2}
    waiting(world.a, 5, **limited)
    first = taken()[world.a.tenant.id]
    assert len(first) == 2
    assert taken() == {}
    with within(world.a.tenant):
        Run.objects.filter(pk=first[0]).update(state="SUCCEEDED", lease_until=None)
    assert len(taken()[world.a.tenant.id]) == 1


def test_a_full_workflow_does_not_hold_up_the_others_of_its_tenant(world, waiting):
    waiting(world.a, 100, concurrency_key="w", lane="w", max_running=1)
    free = waiting(world.a, 3, ready_at=clock.now())
    assert set(free) <= set(taken()[world.a.tenant.id])


def test_a_started_run_of_a_full_workflow_goes_on(world, waiting):
    limited = {"concurrency_key": "w", "max_running": 1}
    running = waiting(world.a, 1, state="RUNNING", **limited)
    waiting(world.a, 3, lane="w", **limited)
    assert taken() == {world.a.tenant.id: running}


def test_a_run_that_is_to_stop_needs_no_room(world, waiting):
    limited = {"concurrency_key": "w", "max_running": 1}
    waiting(world.a, 1, state="RUNNING", ready_at=None, wake_at=None, **limited)
    (stopped,) = waiting(world.a, 1, lane="w", stop="cancelled", **limited)
    assert taken() == {}
    with within(world.a.tenant):
        wakeups.wake(stopped)
    assert taken() == {world.a.tenant.id: [stopped]}


def test_a_tenant_holds_only_so_many_leases(world, waiting, settings):
    settings.INTERLOCK_TENANT_RUNNING = 3
    waiting(world.a, 10)
    waiting(world.b, 2)
    found = taken()
    assert {tenant: len(mine) for tenant, mine in found.items()} == {world.a.tenant.id: 3, world.b.tenant.id: 2}
    assert taken() == {}


def test_a_held_run_is_nobody_elses(world, waiting):
    (held,) = waiting(world.a, 1)
    with scope.enter(world.a.tenant.id):
        lease = locks.claim(held)
        with transaction.atomic():
            wakeups.wake(held)
    assert taken() == {}
    with clock.frozen(clock.now() + timedelta(seconds=60)):
        assert claiming.make_due(clock.now(), 10) == 1
        (again,) = Queue().claim(1)[world.a.tenant.id]
    assert (again.run_id, again.fence) == (held, lease.fence + 1)


def test_what_waits_for_a_time_or_a_person_is_not_in_the_queue(world, waiting):
    later = clock.now() + timedelta(hours=1)
    waiting(world.a, 3, state="WAITING", ready_at=None, wake_at=later)
    waiting(world.a, 3, state="WAITING", ready_at=None, wake_at=None)
    assert claiming.make_due(clock.now(), 10) == 0
    assert not claiming.any_ready()
    assert taken() == {}
    assert claiming.make_due(later, 10) == 3
    assert claiming.any_ready()


def test_the_app_cannot_see_the_queue_of_another_tenant(world, waiting):
    waiting(world.b, 1)
    with within(world.a.tenant), connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM workflows_run WHERE ready_at IS NOT NULL")
        assert cursor.fetchone() == (0,)
