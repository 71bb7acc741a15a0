"""The sequencer turns the queue into a dense, linked, signed log."""

from collections.abc import Callable, Iterator
from uuid import UUID

import psycopg
import pytest
from cryptography.exceptions import InvalidTag
from django.db import connections, transaction
from django.test import override_settings

from controlplane.database import role_name
from controlplane.lib.ids import uuid7
from evidence import keyrings, recording, retained, sequencing, services, trees
from evidence.events import LogHeartbeat
from evidence.models import Checkpoint, Event, Leaf, LogHead, Pending, Quarantine
from evidence.verify import envelope, merkle, note
from tenants import scope
from tenants.actors import Actor
from tests import ground

pytestmark = pytest.mark.usefixtures("committed_db")


@pytest.fixture
def log_id() -> UUID:
    return uuid7()


@pytest.fixture
def emit(world: object, in_scope: Callable, log_id: UUID) -> Callable[..., recording.Recorded]:
    def one(size: int = 0, **places: object) -> recording.Recorded:
        with in_scope(world.a.tenant):
            actor = Actor.system(world.a.tenant.id, "test")
            return services.record(LogHeartbeat(size), actor=actor, workspace_id=log_id, **places)

    return one


def leaves_of(log_id: object) -> Iterator[Leaf]:
    return Leaf.objects.filter(log_id=log_id).order_by("index")


def test_a_log_whose_key_opens_nothing_keeps_no_other_waiting(
    world: object, in_scope: Callable, as_sequencer: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    logs = {side.tenant.id: uuid7() for side in (world.a, world.b)}
    for tenant_id, log in logs.items():
        with scope.enter(tenant_id), transaction.atomic():
            services.record(LogHeartbeat(0), actor=Actor.system(tenant_id, "test"), workspace_id=log)
    broken, sealing = world.a.tenant.id, keyrings.sealing
    with monkeypatch.context() as patched:
        patched.setattr(
            keyrings, "sealing", lambda tenant, use: _raised() if tenant == broken else sealing(tenant, use)
        )
        while as_sequencer():
            pass
        assert _signed(logs[world.b.tenant.id], world.b.tenant.id) == 1
        assert _signed(logs[broken], broken) == 0
        lacking = as_sequencer(sequencing.lacking)
        assert (broken, logs[broken]) in lacking
        assert {tenant_id for tenant_id, _ in lacking} == {broken}
    while as_sequencer():
        pass
    assert as_sequencer(sequencing.lacking) == []
    assert _signed(logs[broken], broken) == 1, "and is signed once it can be"


def _raised() -> None:
    raise InvalidTag


def _signed(log_id: UUID, tenant_id: UUID) -> int:
    with scope.enter(tenant_id), transaction.atomic():
        return LogHead.objects.get(pk=log_id).signed_size


def test_events_become_dense_linked_leaves_under_a_signed_head(
    world: object, in_scope: Callable, emit: Callable, as_sequencer: Callable, log_id: UUID
) -> None:
    run = uuid7()
    receipts = [emit(number, run_id=run) for number in range(300)]
    assert as_sequencer() >= 300
    with in_scope(world.a.tenant):
        leaves = [envelope.parse_leaf(bytes(row.leaf)) for row in leaves_of(log_id)]
        hashes = [bytes(row.leaf_hash) for row in leaves_of(log_id)]
        checkpoint = Checkpoint.objects.get(log_id=log_id)
        stored = trees.StoredNodes(log_id)
        paths = [merkle.inclusion_path(index, 300, stored) for index in range(300)]
        assert not Pending.objects.filter(log_id=log_id).exists()
        assert services.is_sealed(receipts[-1].id)
    assert [leaf.index for leaf in leaves] == list(range(300))
    assert [leaf.previous for leaf in leaves] == [envelope.NO_LEAF, *hashes[:-1]]
    assert [leaf.event_hash for leaf in leaves] == [receipt.event_hash for receipt in receipts]
    root = bytes(checkpoint.root)
    assert note.parse(checkpoint.note.encode()).checkpoint == note.Checkpoint(leaves[0].origin, 300, root)
    assert all(merkle.verify_inclusion(hashes[i], i, 300, path, root) for i, path in enumerate(paths))


def test_an_event_changed_before_its_turn_is_set_aside_and_that_is_on_record(
    committed_db: str, world: object, in_scope: Callable, emit: Callable, as_sequencer: Callable
) -> None:
    victim = emit()
    with psycopg.connect(ground.superuser_dsn(committed_db), autocommit=True) as admin:
        admin.execute("ALTER TABLE evidence_event DISABLE TRIGGER append_only")
        admin.execute(
            "UPDATE evidence_event SET body = body || ' ', event_hash = sha256("
            r"'\x6576622e6576656e742e763100'::bytea || body || ' ') WHERE id = %s",
            [victim.id],
        )
    as_sequencer()
    as_sequencer()
    with in_scope(world.a.tenant):
        assert Quarantine.objects.get().pk == victim.id
        assert not Leaf.objects.filter(pk=victim.id).exists()
        told = Event.objects.get(type="event.quarantined")
        assert Leaf.objects.filter(pk=told.pk).exists()


def test_a_log_that_lost_signed_leaves_is_frozen_and_not_signed(
    world: object, in_scope: Callable, emit: Callable, as_sequencer: Callable, log_id: UUID
) -> None:
    emit()
    as_sequencer()
    with scope.enter(world.a.tenant.id):
        retained.keep(log_id, retained.Signed(1, b"x" * 32))
    emit()
    as_sequencer()
    with in_scope(world.a.tenant):
        assert "not those that were signed" in LogHead.objects.get(pk=log_id).frozen_reason
        assert Checkpoint.objects.get(log_id=log_id).size == 1
        assert services.backpressure() == "evidence_log_frozen"


def test_a_log_that_lost_signed_leaves_in_its_middle_is_frozen_and_the_sequencer_goes_on(
    world: object, in_scope: Callable, emit: Callable, as_sequencer: Callable, log_id: UUID, committed_db: str
) -> None:
    for _ in range(3):
        emit()
    as_sequencer()
    with psycopg.connect(ground.superuser_dsn(committed_db), autocommit=True) as hands:
        hands.execute("SET session_replication_role = replica")
        hands.execute("ALTER TABLE evidence_leaf DISABLE TRIGGER append_only")
        hands.execute("DELETE FROM evidence_leaf WHERE log_id = %s AND index IN (1, 2)", [log_id])
    emit()
    as_sequencer()
    with in_scope(world.a.tenant):
        assert "lacks node" in LogHead.objects.get(pk=log_id).frozen_reason
        assert Checkpoint.objects.get(log_id=log_id).size == 3


def test_a_silent_log_gets_a_heartbeat_once(
    world: object, in_scope: Callable, emit: Callable, as_sequencer: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    emit()
    as_sequencer()
    monkeypatch.setattr(sequencing, "HEARTBEAT_MS", -1000)
    assert as_sequencer(sequencing.beat) >= 1
    assert as_sequencer(sequencing.beat) == 0


def test_the_sequencer_cannot_change_the_record_or_read_business(committed_db: str, emit: Callable) -> None:
    emit()
    refused = ("UPDATE evidence_event SET type = 'x'", "DELETE FROM evidence_leaf", "SELECT * FROM tenants_user")
    connections.close_all()
    settings = {**connections.settings["default"], "USER": role_name("sequencer")}
    with psycopg.connect(
        host=settings["HOST"],
        port=settings["PORT"],
        dbname=settings["NAME"],
        user=settings["USER"],
        password=ground.LOCATOR.password("sequencer"),
        autocommit=True,
    ) as session:
        for statement in refused:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                session.execute(statement)


def test_effects_stop_when_the_queue_is_too_long(
    world: object, in_scope: Callable, emit: Callable, as_sequencer: Callable
) -> None:
    for _ in range(3):
        emit()
    with override_settings(INTERLOCK_EVIDENCE_MAX_PENDING=2), in_scope(world.a.tenant):
        assert services.backpressure() == "evidence_backlog"
    as_sequencer()
    with override_settings(INTERLOCK_EVIDENCE_MAX_PENDING=2), in_scope(world.a.tenant):
        assert services.backpressure() is None


def test_waiting_for_a_seal_ends_at_the_deadline(world: object, emit: Callable, as_sequencer: Callable) -> None:
    receipt = emit()
    with scope.enter(world.a.tenant.id):
        assert not services.wait_sealed(receipt.id, timeout_s=0.05)
    as_sequencer()
    with scope.enter(world.a.tenant.id):
        assert services.wait_sealed(receipt.id, timeout_s=0.05)


@pytest.mark.parametrize("place", ["keep", "publish"])
def test_a_crash_while_signing_repeats_the_same_note(
    world: object,
    in_scope: Callable,
    emit: Callable,
    as_sequencer: Callable,
    log_id: UUID,
    monkeypatch: pytest.MonkeyPatch,
    place: str,
) -> None:
    emit()

    def crash(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    target = (retained, "keep") if place == "keep" else (Checkpoint.objects, "create")
    with monkeypatch.context() as patched:
        patched.setattr(*target, crash)
        with pytest.raises(KeyboardInterrupt):
            as_sequencer()
    with in_scope(world.a.tenant):
        assert LogHead.objects.get(pk=log_id).size == 1
        assert not Checkpoint.objects.filter(log_id=log_id).exists()
    as_sequencer()
    with in_scope(world.a.tenant):
        assert Checkpoint.objects.get(log_id=log_id).size == 1
        assert LogHead.objects.get(pk=log_id).frozen_reason == ""


def test_a_crash_before_the_head_moves_loses_and_doubles_nothing(
    world: object,
    in_scope: Callable,
    emit: Callable,
    as_sequencer: Callable,
    monkeypatch: pytest.MonkeyPatch,
    log_id: UUID,
) -> None:
    receipts = [emit() for _ in range(3)]

    def crash(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(LogHead, "save", crash)
        with pytest.raises(KeyboardInterrupt):
            as_sequencer()
    as_sequencer()
    with in_scope(world.a.tenant):
        assert [leaf.pk for leaf in leaves_of(log_id)] == [receipt.id for receipt in receipts]
