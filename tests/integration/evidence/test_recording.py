"""Events are written with what they tell of, or not at all."""

from collections.abc import Callable

import psycopg
import pytest
from django.db import connection, transaction
from django.db.utils import DatabaseError, ProgrammingError

from controlplane.lib.events import Committed
from controlplane.lib.ids import uuid7
from evidence import services, shredding
from evidence.errors import EventTooLarge, WrongLog
from evidence.models import Event, Pending, RunHead
from evidence.verify import commitment, envelope
from tenants import scope
from tenants.actors import Actor
from tenants.errors import OutsideTransaction, ScopeConflict
from tests import ground
from tests.integration.evidence.events import Noted


@pytest.fixture
def system(world: object) -> Actor:
    return Actor.system(world.a.tenant.id, "test")


def test_an_event_is_stored_as_its_canonical_bytes(world: object, in_scope: Callable, system: Actor) -> None:
    with in_scope(world.a.tenant):
        receipt = services.record(Noted("hello"), actor=system, workspace_id=world.a.workspace.id)
        row = Event.objects.get(pk=receipt.id)
    parsed = envelope.parse_event(bytes(row.body))
    assert parsed.hash == receipt.event_hash == bytes(row.event_hash)
    assert parsed.data == {"text": "hello"}
    assert parsed.origin == f"interlock.localhost/{world.a.tenant.id}/{world.a.workspace.id}/1"


def test_events_of_a_run_are_counted_and_linked(world: object, in_scope: Callable, system: Actor) -> None:
    run = uuid7()
    with in_scope(world.a.tenant):
        first = services.record(Noted("1"), actor=system, workspace_id=world.a.workspace.id, run_id=run)
        services.record(Noted("2"), actor=system, run_id=run)
        services.close_run(run_id=run, actor=system)
        events = [envelope.parse_event(bytes(row.body)) for row in Event.objects.filter(run_id=run).order_by("run_seq")]
        assert services.is_closed(run)
    assert [e.seq for e in events] == [1, 2, 3]
    assert events[1].prev == first.event_hash.hex()
    assert events[2].data["count"] == 2


def test_a_run_cannot_write_into_two_logs(world: object, in_scope: Callable, system: Actor) -> None:
    run = uuid7()
    with in_scope(world.a.tenant):
        services.record(Noted("1"), actor=system, run_id=run)
        with pytest.raises(WrongLog):
            services.record(Noted("2"), actor=system, workspace_id=world.a.workspace.id, run_id=run)


def test_content_is_committed_to_and_not_contained(world: object, in_scope: Callable, system: Actor) -> None:
    run = uuid7()
    with in_scope(world.a.tenant):
        secret = Committed(b'{"password":"hunter2"}')
        receipt = services.record(Noted("x", secret), actor=system, run_id=run)
        body = bytes(Event.objects.get(pk=receipt.id).body)
        salt = commitment.salt(shredding.find(run), str(receipt.id), "/data/content")
    opened = commitment.commit(salt, str(receipt.id), "/data/content", secret.content)
    assert b"hunter2" not in body
    assert envelope.parse_event(body).data["content"] == {"c": opened, "len": 22, "mt": "application/json"}


def test_recording_outside_a_transaction_is_refused(committed_db: str, world: object, system: Actor) -> None:
    with scope.enter(world.a.tenant.id), pytest.raises(OutsideTransaction):
        services.record(Noted("x"), actor=system)


def test_an_actor_of_another_tenant_is_refused(world: object, in_scope: Callable) -> None:
    with in_scope(world.a.tenant), pytest.raises(ScopeConflict):
        services.record(Noted("x"), actor=Actor.system(world.b.tenant.id, "test"))


def test_an_event_beyond_16_kib_is_refused(world: object, in_scope: Callable, system: Actor) -> None:
    with in_scope(world.a.tenant), pytest.raises(EventTooLarge):
        services.record(Noted("x" * 17_000), actor=system)


def test_business_is_rolled_back_when_the_evidence_is_refused(
    committed_db: str, world: object, in_scope: Callable, system: Actor
) -> None:
    with psycopg.connect(ground.superuser_dsn(committed_db), autocommit=True) as admin:
        admin.execute("REVOKE INSERT ON evidence_event FROM interlock_app")

    def business() -> None:
        with in_scope(world.a.tenant):
            RunHead.objects.create(id=uuid7(), log_id=world.a.workspace.id)
            services.record(Noted("x"), actor=system)

    with pytest.raises(DatabaseError, match="permission denied"):
        business()
    with in_scope(world.a.tenant):
        assert not RunHead.objects.exists()


@pytest.mark.parametrize("statement", ["UPDATE {} SET tenant_id = tenant_id", "DELETE FROM {}", "TRUNCATE {}"])
@pytest.mark.parametrize(
    "table",
    ["event", "leaf", "node", "checkpoint", "quarantine", "keyringversion"],
)
def test_the_app_cannot_change_the_record(
    world: object, in_scope: Callable, system: Actor, statement: str, table: str
) -> None:
    with in_scope(world.a.tenant):
        services.record(Noted("x"), actor=system)
        with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
            connection.cursor().execute(statement.format(f"evidence_{table}"))
        assert Event.objects.filter(type="test.noted").exists()


def test_even_the_superuser_meets_the_triggers(
    committed_db: str, world: object, in_scope: Callable, system: Actor
) -> None:
    with in_scope(world.a.tenant):
        services.record(Noted("x"), actor=system)
    with psycopg.connect(ground.superuser_dsn(committed_db), autocommit=True) as admin:
        admin.execute("SET session_replication_role = replica")
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"):
            admin.execute("DELETE FROM evidence_event")


def test_the_queue_takes_every_event_once(world: object, in_scope: Callable, system: Actor) -> None:
    with in_scope(world.a.tenant):
        receipt = services.record(Noted("x"), actor=system)
        assert Pending.objects.filter(event_id=receipt.id).count() == 1
        assert services.backpressure() is None
        assert not services.is_sealed(receipt.id)
