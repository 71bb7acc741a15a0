"""What is older than a tenant keeps its record goes; what is left still proves that nothing else is missing."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from types import SimpleNamespace

import psycopg
import pytest
from django.db import connection, transaction
from django.db.utils import ProgrammingError

from controlplane.lib import clock
from controlplane.lib.ids import uuid7
from evidence import erasing, exports, guards, jobs, pruning, services, streaming
from evidence.errors import RunPruned
from evidence.models import Event, Pruning, RunHead, ShredKey
from evidence.verify import dsse, envelope
from evidence.verify.findings import Verdict
from evidence.verify.pruning import PAYLOAD_TYPE, Pruned
from tenants import scope
from tenants.actors import Actor
from tests import ground
from tests.integration.evidence.archive import Archive, nothing_happened_today
from tests.integration.evidence.events import Noted
from tests.unit.evidence.forge import signer

pytestmark = pytest.mark.usefixtures("committed_db")

LONG_AGO = timedelta(days=400)


@pytest.fixture
def archive(
    committed_db: str, world: SimpleNamespace, in_scope: Callable, actor_of: Callable, as_sequencer: Callable
) -> Archive:
    nothing_happened_today(committed_db)
    made = Archive(
        tenant=world.a.tenant.id,
        log=world.a.workspace.id,
        alice=actor_of(world.a.alice, world.a.tenant),
        system=Actor.system(world.a.tenant.id, "test"),
        in_scope=in_scope,
        as_sequencer=as_sequencer,
        old=uuid7(),
        held=uuid7(),
        young=uuid7(),
        across=uuid7(),
    )
    with clock.frozen(clock.now() - LONG_AGO):
        made.tell(made.old, "one", "two")
        made.tell(made.held, "three")
        made.tell(made.across, "four", close=False)
        made.seal()
    with scope.enter(made.tenant):
        erasing.set_retention(content_days=30, audit_days=183, actor=made.alice)
        erasing.hold(run_id=made.held, reason="a suit", actor=made.alice)
    made.tell(made.across, "five")
    made.tell(made.young, "six")
    made.seal()
    return made


def test_what_is_too_old_goes_and_everything_still_verifies(archive: Archive) -> None:
    before, of_run = archive.period(), archive.run_bundle(archive.old)
    kept_head = archive.judge(before).note
    gone = archive.prune()
    assert gone == 6
    assert (archive.left(archive.old), archive.left(archive.young) > 0) == (0, True)
    archive.seal()
    for old_bundle in (before, of_run):
        assert archive.judge(old_bundle).verdict is Verdict.VERIFIED
    report = archive.judge(archive.period(), kept_head)
    assert (report.verdict, report.pruned, report.assurance.name) == (Verdict.VERIFIED, gone, "A3"), report.text()
    assert [found.outcome for found in report.findings if found.code == "PRUNED"] == ["SKIP"]
    assert archive.judge(archive.run_bundle(archive.young)).verdict is Verdict.VERIFIED
    assert archive.faults() == []
    assert archive.prune() == 0


def test_it_is_on_record_with_the_list_that_says_which(archive: Archive) -> None:
    gone = archive.prune()
    with archive.in_scope(archive.tenant):
        row = Event.objects.get(type="log.pruned")
        told = envelope.parse_event(bytes(row.body)).data
        (made,) = Pruning.objects.all()
    assert (told["events"], told["audit_days"], told["pruning_id"]) == (gone, 183, str(made.pk))


def test_of_a_run_nothing_goes_while_its_last_event_is_young(archive: Archive) -> None:
    archive.prune()
    assert archive.left(archive.across) == 3
    assert archive.judge(archive.run_bundle(archive.across)).verdict is Verdict.VERIFIED


def test_under_a_legal_hold_a_run_stays_until_it_is_released(archive: Archive) -> None:
    gone = archive.prune()
    assert archive.left(archive.held) == 2
    with scope.enter(archive.tenant):
        erasing.release(run_id=archive.held, actor=archive.alice)
    assert archive.prune() == 2
    assert archive.left(archive.held) == 0
    archive.seal()
    report = archive.judge(archive.period())
    assert (report.verdict, report.pruned) == (Verdict.VERIFIED, gone + 2), report.text()
    assert archive.faults() == []


@pytest.mark.parametrize(("run", "why"), [("held", "legal hold"), ("young", "kept for 183 days"), ("across", "kept")])
def test_the_database_refuses_what_is_held_or_not_due(archive: Archive, run: str, why: str) -> None:
    run_id = getattr(archive, run)
    before = archive.left(run_id)
    with pytest.raises(ProgrammingError, match=why):
        archive.order(archive.listed(run_id))
    assert archive.left(run_id) == before > 0
    with archive.in_scope(archive.tenant):
        assert not Pruning.objects.exists()


def test_the_database_prunes_runs_whole_or_not_at_all(archive: Archive) -> None:
    told = pruning.parsed(archive.listed(archive.old))
    part = Pruned(told.origin, ((told.spans[0][0], told.spans[0][0] + 1),), 183, told.at)
    with pytest.raises(ProgrammingError, match="whole or not at all"):
        archive.order(dsse.seal(PAYLOAD_TYPE, part.payload(), signer()).decode())
    assert archive.left(archive.old) == 3


def test_nobody_else_may_delete_or_become_who_may(archive: Archive) -> None:
    for statement in ("DELETE FROM evidence_event", "SET LOCAL ROLE interlock_pruner", "DELETE FROM evidence_pruning"):
        with archive.in_scope(archive.tenant), connection.cursor() as cursor, pytest.raises(ProgrammingError):
            cursor.execute(statement)


def test_the_owner_cannot_delete_with_the_guards_up(archive: Archive, committed_db: str) -> None:
    with psycopg.connect(ground.superuser_dsn(committed_db)) as hands:
        for statement in (
            "DELETE FROM evidence_event",
            "UPDATE evidence_event SET type = 'x'",
            "TRUNCATE evidence_event",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege), hands.transaction():
                hands.execute(statement)


def test_a_forged_list_hides_nothing(archive: Archive, committed_db: str) -> None:
    """Somebody with all rights in the database but without a key of the keyring."""
    text = archive.listed(archive.young)
    with psycopg.connect(ground.superuser_dsn(committed_db), autocommit=True) as hands:
        hands.execute("ALTER TABLE evidence_event DISABLE TRIGGER USER")
        hands.execute("DELETE FROM evidence_event WHERE run_id = %s", [archive.young])
        hands.execute("UPDATE evidence_runhead SET pruned = true WHERE id = %s", [archive.young])
        hands.execute(
            "INSERT INTO evidence_pruning (id, created_at, tenant_id, log_id, envelope)"
            " VALUES (gen_random_uuid(), now(), %s, %s, %s)",
            [archive.tenant, archive.log, text],
        )
        hands.execute("ALTER TABLE evidence_event ENABLE ALWAYS TRIGGER append_only")
        hands.execute("ALTER TABLE evidence_event ENABLE ALWAYS TRIGGER append_only_whole")
    assert archive.faults() == ["EVENT-GONE", "PRUNING"]
    report = archive.judge(archive.period())
    assert (report.verdict, set(report.failures)) == (Verdict.UNTRUSTED, {"DSSE-KEY", "PRUNED-EARLY"}), report.text()


def test_without_any_list_a_missing_event_is_missing(archive: Archive, committed_db: str) -> None:
    with psycopg.connect(ground.superuser_dsn(committed_db), autocommit=True) as hands:
        hands.execute("ALTER TABLE evidence_event DISABLE TRIGGER USER")
        hands.execute("DELETE FROM evidence_event WHERE run_id = %s", [archive.young])
    report = archive.judge(archive.period())
    assert report.verdict is Verdict.TAMPERED
    assert "COUNT" in report.failures


def test_of_a_pruned_run_there_is_no_bundle_and_nothing_follows(archive: Archive) -> None:
    archive.prune()
    with pytest.raises(RunPruned):
        archive.run_bundle(archive.old)
    with scope.enter(archive.tenant):
        with pytest.raises(RunPruned):
            exports.export_approval(run_id=archive.old, request_id=uuid7(), actor=archive.alice)
        with pytest.raises(RunPruned):
            jobs.request(kind="run", run_id=archive.old, actor=archive.alice)
    with pytest.raises(RunPruned):
        archive.tell(archive.old, "and then")
    with archive.in_scope(archive.tenant):
        assert RunHead.objects.get(pk=archive.old).pruned
        assert not ShredKey.objects.filter(subject_id=archive.old).exists()


def test_nothing_is_written_behind_what_goes_at_that_moment(archive: Archive, committed_db: str) -> None:
    """Somebody is writing into the run while it is pruned: they come first, and it stays whole."""
    written, carry_on = threading.Event(), threading.Event()

    def write() -> None:
        with archive.in_scope(archive.tenant):
            services.record(Noted("late"), actor=archive.system, workspace_id=archive.log, run_id=archive.old)
            written.set()
            carry_on.wait(30)
        connection.close()

    def prune() -> int:
        try:
            return archive.prune()
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool, psycopg.connect(ground.superuser_dsn(committed_db), autocommit=True) as eyes:
        writing = pool.submit(write)
        assert written.wait(30)
        pruning_it = pool.submit(prune)
        blocked = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        while not pruning_it.done() and eyes.execute(blocked).fetchone() is None:
            time.sleep(0.02)
        carry_on.set()
        writing.result(30)
        assert pruning_it.result(30) == 3
    assert archive.left(archive.old) == 4
    archive.seal()
    assert archive.faults() == []


def test_a_stream_passes_over_what_is_gone(archive: Archive) -> None:
    archive.prune()
    archive.seal()
    with archive.in_scope(archive.tenant):
        found = streaming.batch(archive.alice, log_id=archive.log, begin=0, limit=4, form="cloudevents")
        after = streaming.batch(archive.alice, log_id=archive.log, begin=found.next, limit=1000, form="cloudevents")
    assert found.next == 4
    assert len(found.events) < 4
    assert after.events


def test_the_guards_stand_and_whoever_may_not_prune_does_not(
    archive: Archive, world: SimpleNamespace, actor_of: Callable
) -> None:
    from tenants.errors import PermissionMissing

    with scope.enter(archive.tenant), pytest.raises(PermissionMissing):
        pruning.prune(log_id=archive.log, actor=actor_of(world.a.dana, world.a.tenant))
    archive.prune()
    with transaction.atomic():
        assert guards.faults(guards.read()) == []


def test_the_sweeper_prunes_every_log_of_a_tenant(archive: Archive) -> None:
    with scope.enter(archive.tenant):
        assert pruning.prune_all(archive.tenant) >= 6
        assert pruning.prune_all(archive.tenant) == 0
