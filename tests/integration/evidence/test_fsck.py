"""Whoever has all rights in the database can change the record. They cannot change it without `fsck` saying so."""

import json
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from uuid import UUID

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connections, transaction

from controlplane.lib.ids import uuid7
from evidence import guarding, retained, services
from evidence.events import LogHeartbeat
from evidence.fsck import examine
from evidence.fsck.findings import CODES
from evidence.models import LogHead
from tenants import scope
from tenants.actors import Actor
from tests import ground
from tests.integration.evidence.tampering import ATTACKS

pytestmark = pytest.mark.usefixtures("committed_db")

LEAVES = 260
"""More than one tile, so that there is a node to forge."""


class Prepared:
    """The record is written once; each test gets a copy of the database and of the heads that left the house."""

    def __init__(self, folder: Path) -> None:
        self.name, self.folder, self.facts = f"prepared_{ground.session_database()}", folder, {}

    def copy(self, source: str, target: str) -> None:
        connections.close_all()
        ground.drop(target)
        ground._admin("CREATE DATABASE {} TEMPLATE {}", target, source)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prepared]:
    made = Prepared(tmp_path_factory.mktemp("signed"))
    yield made
    ground.drop(made.name)


@pytest.fixture
def record(
    committed_db: str, prepared: Prepared, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path
) -> Iterator[SimpleNamespace]:
    """A log of many leaves with a run in it, signed twice, and the hands of somebody with all rights."""
    monkeypatch.setattr(guarding, "_file", lambda: tmp_path / "guards")
    monkeypatch.setattr(retained, "_folder", lambda: prepared.folder)
    if not prepared.facts:
        prepared.facts = _written(request.getfixturevalue("world").a.tenant.id, request.getfixturevalue("as_sequencer"))
        prepared.copy(committed_db, prepared.name)
    prepared.copy(prepared.name, committed_db)
    shutil.copytree(prepared.folder, tmp_path, dirs_exist_ok=True)
    monkeypatch.setattr(retained, "_folder", lambda: tmp_path)
    with psycopg.connect(ground.superuser_dsn(committed_db), autocommit=True) as hands:
        hands.execute("SET session_replication_role = replica")
        yield SimpleNamespace(**prepared.facts, hands=hands, force=partial(_force, hands))


def _written(tenant_id: UUID, as_sequencer: Callable) -> dict[str, object]:
    log_id, run_id, actor, ids = uuid7(), uuid7(), Actor.system(tenant_id, "test"), []
    for count in (LEAVES, 3):
        with scope.enter(tenant_id), transaction.atomic():
            for number in range(count):
                run = run_id if number < 5 else None
                ids.append(services.record(LogHeartbeat(number), actor=actor, workspace_id=log_id, run_id=run).id)
        while as_sequencer():
            pass
    return {"log": log_id, "run": run_id, "events": ids, "tenant": tenant_id}


def _force(hands: psycopg.Connection, statement: str) -> None:
    """Take the guards down, do it, put them up again."""
    tables = ("event", "leaf", "node", "checkpoint", "quarantine", "keyringversion")
    checks = ("event DROP CONSTRAINT event_hash_is_of_its_body", "leaf DROP CONSTRAINT leaf_hash_is_of_its_leaf")
    for table in tables:
        hands.execute(f"ALTER TABLE evidence_{table} DISABLE TRIGGER USER")
    for check in checks:
        hands.execute(f"ALTER TABLE evidence_{check.replace('DROP CONSTRAINT', 'DROP CONSTRAINT IF EXISTS')}")
    done = hands.execute(statement)
    assert done.rowcount > 0, "the attack did not change anything"
    for table in tables:
        hands.execute(f"ALTER TABLE evidence_{table} ENABLE ALWAYS TRIGGER append_only")
        hands.execute(f"ALTER TABLE evidence_{table} ENABLE ALWAYS TRIGGER append_only_whole")


def codes(record: SimpleNamespace) -> set[str]:
    return {finding.code for finding in examine.everything(record.tenant)}


def test_a_record_that_nobody_touched_is_whole(record: SimpleNamespace, capsys: pytest.CaptureFixture[str]) -> None:
    assert list(examine.everything()) == []
    call_command("fsck")
    call_command("fsck", "a", "--json")
    assert capsys.readouterr().out == ""


def test_a_tenant_that_there_is_not_is_no_clean_record(record: SimpleNamespace) -> None:
    with pytest.raises(CommandError, match="no tenant") as refused:
        call_command("fsck", "nobody")
    assert refused.value.returncode == 2


@pytest.mark.parametrize("name", ATTACKS)
def test_a_change_with_all_rights_is_found(record: SimpleNamespace, name: str) -> None:
    statement, code, also = ATTACKS[name]
    values = {"log": record.log, "event": record.events[7], "of_run": record.events[3]}
    for key, value in {**values, "run": record.run, "tenant": record.tenant}.items():
        statement = statement.replace(f"%({key})s", f"'{value}'")
    record.force(statement)
    found = codes(record) - {"GUARD"}
    assert code in found
    assert found <= {code, *also}


def test_a_log_that_was_restored_is_not_what_left_the_house(record: SimpleNamespace) -> None:
    with scope.enter(record.tenant):
        retained.keep(record.log, retained.Signed(LEAVES + 9, b"x" * 32))
    assert codes(record) == {"SIGNED-HEAD"}


def test_a_log_that_only_others_were_shown_is_found_gone(record: SimpleNamespace, tmp_path: Path) -> None:
    (tmp_path / f"{record.log}.json").unlink()
    record.force(f"DELETE FROM evidence_loghead WHERE id = '{record.log}'")
    record.force(f"DELETE FROM evidence_leaf WHERE log_id = '{record.log}'")
    assert {"LOG-GONE", "EVENT-LOST"} == codes(record) - {"GUARD"}


def test_a_log_whose_tenant_is_gone_too_is_found(record: SimpleNamespace, tmp_path: Path) -> None:
    lost = uuid7()
    with scope.enter(uuid7()):
        retained.keep(lost, retained.Signed(3, b"x" * 32))
    assert {(one.code, one.place) for one in examine.everything()} == {("LOG-GONE", f"log {lost}")}
    assert codes(record) == set(), "it is none of this tenant's"


def test_who_acted_is_compared_with_the_bytes(record: SimpleNamespace) -> None:
    record.hands.execute("ALTER TABLE evidence_event ALTER COLUMN acted DROP EXPRESSION")
    record.force(f"UPDATE evidence_event SET acted = 'somebody else' WHERE id = '{record.events[7]}'")
    assert codes(record) - {"GUARD"} == {"PROJECTION"}


def test_a_guard_that_is_down_is_found(record: SimpleNamespace) -> None:
    record.hands.execute("ALTER TABLE evidence_leaf DISABLE TRIGGER append_only")
    assert codes(record) == {"GUARD"}


def test_what_is_found_is_printed_and_the_exit_code_says_so(
    record: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    record.force(f"UPDATE evidence_runhead SET seq = seq - 1 WHERE id = '{record.run}'")
    for arguments in ((), ("--json",)):
        with pytest.raises(CommandError, match="findings") as refused:
            call_command("fsck", "a", *arguments)
        assert refused.value.returncode == 1
    plain, as_json = [line for line in capsys.readouterr().out.split("\n") if "RUN-HEAD" in line]
    assert str(record.run) in plain
    assert json.loads(as_json)["tenant_id"] == str(record.tenant)


def test_every_code_is_reached() -> None:
    here = {code for _, code, _ in ATTACKS.values()} | {"SIGNED-HEAD", "GUARD", "LEAF-LINK"}
    assert here == set(CODES)


def test_an_unknown_code_cannot_be_found(in_scope: Callable, record: SimpleNamespace) -> None:
    with pytest.raises(LookupError):
        examine.Finding("OTHER", "", "")
    with in_scope(record.tenant):
        assert LogHead.objects.filter(pk=record.log).exists()
