"""A database restored from a backup that misses signed leaves: nothing is signed over that until somebody says so."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from uuid import UUID

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connections

from controlplane.lib import clock
from controlplane.lib.ids import uuid7
from evidence import epochs, retained, services, trust
from evidence.errors import Contradictory, NotFrozen
from evidence.fsck import examine
from evidence.models import Event, LogHead
from evidence.verify import envelope
from evidence.verify.dossier import Question
from evidence.verify.findings import Report, Verdict
from evidence.verify.trust import parse
from evidence.verify.verifier import verify
from tenants import scope
from tenants.actors import Actor
from tests import ground
from tests.integration.evidence.events import Noted

pytestmark = pytest.mark.usefixtures("committed_db")


@dataclass
class House:
    """One log; `backup` and `restore` are what an operator does with the whole database."""

    database: str
    tenant: UUID
    log: UUID
    alice: Actor
    in_scope: Callable
    as_sequencer: Callable

    @property
    def spare(self) -> str:
        return f"{self.database}_backup"

    def run(self, *words: str) -> UUID:
        run = uuid7()
        with self.in_scope(self.tenant):
            actor = Actor.system(self.tenant, "test")
            for word in words:
                services.record(Noted(word), actor=actor, workspace_id=self.log, run_id=run)
            services.close_run(run_id=run, actor=actor)
        return run

    def seal(self) -> None:
        while self.as_sequencer():
            pass

    def audit(self, run: UUID, *known: str) -> Report:
        sizes = [int(text.split("\n")[1]) for text in known]
        with scope.enter(self.tenant):
            bundle = services.export_run(run_id=run, actor=self.alice, known_sizes=sizes, timeout_s=0.2)
        trusted = parse(json.dumps(trust.export(self.tenant)).encode())
        return verify(bundle, Question(trusted, known, clock.now_ms()))

    def backup(self) -> None:
        self._copy(self.database, self.spare)

    def restore(self) -> None:
        self._copy(self.spare, self.database)

    def head(self) -> LogHead:
        with self.in_scope(self.tenant):
            return LogHead.objects.get(pk=self.log)

    def go_on(self, reason: str = "restored from the backup of tonight") -> str:
        def verb() -> str:
            with scope.enter(self.tenant):
                return epochs.open_next(log_id=self.log, reason=reason, actor=Actor.host(self.tenant, "root"))

        return self.as_sequencer(verb)

    def _copy(self, source: str, target: str) -> None:
        connections.close_all()
        ground.drop(target)
        ground._admin("CREATE DATABASE {} TEMPLATE {}", target, source)


@pytest.fixture
def house(
    committed_db: str,
    world: SimpleNamespace,
    in_scope: Callable,
    actor_of: Callable,
    as_sequencer: Callable,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Iterator[House]:
    monkeypatch.setattr(retained, "_path", lambda log_id: tmp_path / "signed" / f"{log_id}.json")
    alice = actor_of(world.a.alice, world.a.tenant)
    made = House(committed_db, world.a.tenant.id, world.a.workspace.id, alice, in_scope, as_sequencer)
    yield made
    ground.drop(made.spare)


@pytest.fixture
def restored(house: House) -> SimpleNamespace:
    """A run before the backup, one behind it that is lost, and one after the restore that cannot be sealed."""
    first = house.run("one", "two")
    house.seal()
    early = house.audit(first).note
    house.backup()
    lost = house.run("three")
    house.seal()
    late = house.audit(lost).note
    house.restore()
    later = house.run("four")
    house.as_sequencer()
    return SimpleNamespace(first=first, early=early, late=late, later=later)


def test_nothing_is_signed_over_a_loss(house: House, restored: SimpleNamespace) -> None:
    assert house.head().frozen_reason
    with house.in_scope(house.tenant):
        assert services.backpressure() == "evidence_log_frozen"
        assert not services.is_sealed(Event.objects.filter(run_id=restored.later).latest("run_seq").pk)


def test_a_new_epoch_keeps_what_was_there_and_says_what_is_lost(house: House, restored: SimpleNamespace) -> None:
    assert house.go_on() == f"interlock.localhost/{house.tenant}/{house.log}/2"
    house.seal()
    with house.in_scope(house.tenant):
        assert services.backpressure() is None
        told = envelope.parse_event(bytes(Event.objects.get(type="log.continued").body)).data
    assert (told["kept"], told["signed"]) == tuple(int(text.split("\n")[1]) for text in (restored.early, restored.late))
    assert told["reason"] == "restored from the backup of tonight"
    for run in (restored.first, restored.later):
        report = house.audit(run, restored.early)
        assert (report.verdict, report.assurance.name) == (Verdict.VERIFIED, "A3"), report.text()
    with scope.enter(house.tenant):
        assert examine.tenant(house.tenant) == []


def test_who_remembers_a_head_over_what_is_lost_is_not_told_that_all_is_well(
    house: House, restored: SimpleNamespace
) -> None:
    house.go_on()
    house.seal()
    report = house.audit(restored.first, restored.late)
    assert (report.verdict, report.failures) == (Verdict.INCOMPLETE, ["MISSING-PROOF"])


def test_an_epoch_that_was_signed_is_never_opened_twice(house: House, restored: SimpleNamespace) -> None:
    assert house.go_on().endswith("/2")
    house.seal()
    house.restore()
    house.run("five")
    house.as_sequencer()
    assert "epoch 2 was signed" in house.head().frozen_reason
    assert house.go_on().endswith("/3")
    house.seal()
    assert house.head().frozen_reason == ""


def test_what_was_signed_before_is_kept_as_evidence_of_the_loss(house: House, restored: SimpleNamespace) -> None:
    before = retained.last(house.log)
    house.go_on()
    aside = retained._path(house.log).with_name(f"{house.log}.epoch-1.json")
    assert json.loads(aside.read_text())["root"] == before.root.hex()
    assert retained.last(house.log).epoch == 2


def test_a_log_in_order_needs_no_new_epoch(house: House) -> None:
    house.run("one")
    house.seal()
    with pytest.raises(NotFrozen):
        house.go_on()
    assert house.head().origin.endswith("/1")


def test_a_new_epoch_does_not_wash_a_changed_database(house: House, restored: SimpleNamespace) -> None:
    with psycopg.connect(ground.superuser_dsn(house.database), autocommit=True) as hands:
        hands.execute("ALTER TABLE evidence_leaf DISABLE TRIGGER append_only")
        hands.execute(
            r"UPDATE evidence_leaf SET leaf = leaf || ' ', leaf_hash = sha256('\x00'::bytea || leaf || ' ')"
            " WHERE log_id = %s AND index = 1",
            [house.log],
        )
    with pytest.raises(Contradictory):
        house.go_on()
    assert house.head().frozen_reason


def test_the_command_asks_for_the_role_and_the_reason(house: House) -> None:
    with pytest.raises(CommandError, match="role of the sequencer"):
        call_command("open_epoch", str(house.tenant), str(house.log), reason="x")
    with pytest.raises(CommandError, match="--reason"):
        call_command("open_epoch", str(house.tenant), str(house.log))
