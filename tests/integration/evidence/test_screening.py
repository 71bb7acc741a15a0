"""Rows that no writer of ours made are set aside, by name, and everything behind them goes on."""

from collections.abc import Callable
from types import SimpleNamespace
from uuid import UUID

import psycopg
import pytest

from controlplane.lib.ids import uuid7
from evidence import keys, recording, screening, services
from evidence.events import LogHeartbeat
from evidence.models import Event, Leaf, Pending, Quarantine
from evidence.verify import envelope, jcs
from tenants.actors import Actor
from tests import ground

pytestmark = pytest.mark.usefixtures("committed_db")


@pytest.fixture
def hands(committed_db: str, world: SimpleNamespace, in_scope: Callable, as_sequencer: Callable) -> SimpleNamespace:
    """Somebody who can write rows past `record`, and the way to what comes of it."""
    log_id, actor = uuid7(), Actor.system(world.a.tenant.id, "test")

    def honest(**places: object) -> recording.Recorded:
        with in_scope(world.a.tenant):
            return services.record(LogHeartbeat(1), actor=actor, workspace_id=log_id, **places)

    def forge(statement: str, *values: object) -> None:
        with psycopg.connect(ground.superuser_dsn(committed_db), autocommit=True) as admin:
            admin.execute("ALTER TABLE evidence_event DISABLE TRIGGER append_only")
            admin.execute(statement, values)

    def settle() -> dict[UUID, str]:
        as_sequencer()
        as_sequencer()
        with in_scope(world.a.tenant):
            assert not Pending.objects.exists()
            told = [envelope.parse_event(bytes(row.body)) for row in Event.objects.filter(type="event.quarantined")]
            assert Leaf.objects.filter(pk__in=[event.id for event in told]).count() == len(told)
            return {UUID(str(event.data["event_id"])): str(event.data["reason"]) for event in told}

    return SimpleNamespace(
        log=log_id, world=world, honest=honest, forge=forge, settle=settle, in_scope=lambda: in_scope(world.a.tenant)
    )


def write(hands: SimpleNamespace, body: bytes, *, pk: UUID, run: tuple[UUID, int] | None = None) -> None:
    """An event with a good seal, straight into the tables: what a faulty writer of ours could do."""
    run_id, seq = run or (None, None)
    with hands.in_scope():
        Event.objects.create(
            id=pk,
            log_id=hands.log,
            run_id=run_id,
            run_seq=seq,
            type="log.heartbeat",
            body=body,
            event_hash=envelope.event_hash(body),
            mac=keys.mac(hands.world.a.tenant.id, body),
        )
        Pending.objects.create(event_id=pk, log_id=hands.log)


def body_of(hands: SimpleNamespace, receipt: recording.Recorded, **changes: object) -> bytes:
    with hands.in_scope():
        members = jcs.loads_object(bytes(Event.objects.get(pk=receipt.id).body))
    return jcs.dumps({**members, **changes})


def test_a_queue_row_without_an_event_does_not_stop_the_log(hands: SimpleNamespace) -> None:
    ghost = uuid7()
    with hands.in_scope():
        Pending.objects.create(event_id=ghost, log_id=hands.log)
    after = hands.honest()
    assert hands.settle() == {ghost: "missing"}
    with hands.in_scope():
        assert Quarantine.objects.get().pk == ghost
        assert Leaf.objects.filter(pk=after.id).exists()


def test_an_event_of_another_tenant_is_missing_here(hands: SimpleNamespace, in_scope: Callable) -> None:
    with in_scope(hands.world.b.tenant):
        actor = Actor.system(hands.world.b.tenant.id, "test")
        foreign = services.record(LogHeartbeat(1), actor=actor)
    hands.forge("DELETE FROM evidence_pending WHERE event_id = %s", foreign.id)
    with hands.in_scope():
        Pending.objects.create(event_id=foreign.id, log_id=hands.log)
    assert hands.settle() == {foreign.id: "missing"}


def test_what_is_a_leaf_already_does_not_become_one_again(hands: SimpleNamespace) -> None:
    receipt = hands.honest()
    hands.settle()
    with hands.in_scope():
        Pending.objects.create(event_id=receipt.id, log_id=hands.log)
    after = hands.honest()
    assert hands.settle() == {receipt.id: "replayed"}
    with hands.in_scope():
        assert not Quarantine.objects.exists()
        assert Leaf.objects.filter(pk__in=[receipt.id, after.id]).count() == 2


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("mac", b"x" * 32, "seal"),
        ("type", "run.closed", "schema"),
        ("run_id", uuid7(), "schema"),
        ("log_id", uuid7(), "misplaced"),
    ],
)
def test_a_row_that_was_changed_in_the_queue_is_set_aside(
    hands: SimpleNamespace, column: str, value: object, reason: str
) -> None:
    receipt = hands.honest()
    hands.forge(f"UPDATE evidence_event SET {column} = %s WHERE id = %s", value, receipt.id)
    assert hands.settle() == {receipt.id: reason}


def test_bytes_that_are_not_their_hash_are_set_aside(hands: SimpleNamespace) -> None:
    receipt = hands.honest()
    hands.forge("ALTER TABLE evidence_event DROP CONSTRAINT event_hash_is_of_its_body")
    hands.forge("UPDATE evidence_event SET event_hash = sha256(body) WHERE id = %s", receipt.id)
    assert hands.settle() == {receipt.id: "hash"}


@pytest.mark.parametrize("changes", [{"origin": "elsewhere/x/y/1"}, {"v": 2}, {"extra": 1}, {"id": "another"}])
def test_a_sealed_body_that_is_no_event_of_this_log_is_set_aside(
    hands: SimpleNamespace, changes: dict[str, object]
) -> None:
    pk = uuid7()
    body = body_of(hands, hands.honest(), **{"id": str(pk), **changes})
    write(hands, body, pk=pk)
    assert hands.settle() == {pk: "schema"}


def test_an_event_that_jumps_the_line_of_its_run_is_set_aside(hands: SimpleNamespace) -> None:
    run = uuid7()
    first = hands.honest(run_id=run)
    hands.settle()
    pk = uuid7()
    link = {"id": str(run), "seq": 7, "prev": first.event_hash.hex()}
    write(hands, body_of(hands, first, id=str(pk), run=link), pk=pk, run=(run, 7))
    assert hands.settle() == {pk: "order"}


def test_an_event_waits_for_its_predecessor_that_comes_later_in_the_queue(hands: SimpleNamespace) -> None:
    run = uuid7()
    receipts = [hands.honest(run_id=run) for _ in range(3)]
    hands.forge("UPDATE evidence_pending SET id = id + 1000 WHERE event_id = %s", receipts[0].id)
    assert hands.settle() == {}
    with hands.in_scope():
        places = dict(Leaf.objects.filter(log_id=hands.log).values_list("pk", "index"))
    assert [places[receipt.id] for receipt in receipts] == [0, 1, 2]


def test_a_run_goes_on_behind_an_event_that_was_set_aside(hands: SimpleNamespace) -> None:
    run = uuid7()
    receipts = [hands.honest(run_id=run) for _ in range(3)]
    hands.forge("UPDATE evidence_event SET mac = %s WHERE id = %s", b"x" * 32, receipts[1].id)
    assert hands.settle() == {receipts[1].id: "seal"}
    with hands.in_scope():
        assert Leaf.objects.filter(pk__in=[receipts[0].id, receipts[2].id]).count() == 2


def test_the_leaf_says_what_the_bytes_were_when_they_were_found(hands: SimpleNamespace) -> None:
    receipt = hands.honest()
    hands.forge("UPDATE evidence_event SET mac = %s WHERE id = %s", b"x" * 32, receipt.id)
    hands.settle()
    with hands.in_scope():
        told = envelope.parse_event(bytes(Event.objects.get(type="event.quarantined").body))
    assert told.data["event_hash"] == receipt.event_hash.hex()


def test_the_app_cannot_choose_its_place_in_the_queue(hands: SimpleNamespace) -> None:
    from django.db import connection
    from django.db.utils import ProgrammingError

    with hands.in_scope(), pytest.raises(ProgrammingError, match="permission denied"), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO evidence_pending (id, created_at, tenant_id, event_id, log_id) OVERRIDING SYSTEM VALUE"
            " VALUES (1, now(), %s, %s, %s)",
            [hands.world.a.tenant.id, uuid7(), hands.log],
        )


def test_every_reason_is_reached() -> None:
    assert {"missing", "replayed", "seal", "schema", "misplaced", "hash", "order"} == screening.REASONS
