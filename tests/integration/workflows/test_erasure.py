"""A person is erased: every key there is finds their data before and nothing of it after, here and in a backup."""

import contextvars
import json
import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connections, transaction

from controlplane.lib import clock
from controlplane.lib.errors import Invalid
from evidence import erasing as record
from evidence import keeping, sequencing, services, trust
from evidence.errors import NotOver, OnHold
from evidence.models import Content, Event, ShredKey
from evidence.verify.dossier import Question
from evidence.verify.envelope import parse_event
from evidence.verify.findings import Verdict
from evidence.verify.trust import parse
from evidence.verify.verifier import verify
from tenants import datakeys, keys, payloads, rekeying
from tenants.errors import PermissionMissing
from tenants.models import DataKey, Payload
from tests import finding, ground
from tests.integration.evidence.conftest import as_sequencer  # noqa: F401 - a fixture
from workflows import erasing
from workflows.replay import exact, reading, structural
from workflows.replay import report as reports

pytestmark = pytest.mark.usefixtures("committed_db")
PERSON = "Zenobia Quillfeather"


@pytest.fixture(autouse=True)
def own_keys(tmp_path: Path, settings: Any) -> Iterator[None]:
    """A key folder that a test may turn; the keys of the others stay."""
    settings.INTERLOCK_DATA_DIR = tmp_path / "data"
    datakeys.forget_known()
    yield
    datakeys.forget_known()


def incident(floor: Any, key: str, text: str) -> Any:
    trigger = floor.incident(short_description=f"VPN drops for {text} every few minutes", description=f"call {text}")
    waiting = floor.wake(floor.start(trigger, key=key))
    floor.vote(waiting)
    run = floor.wake(waiting)
    assert run.state == "SUCCEEDED", floor.story(run)
    return run


@pytest.fixture
def theirs(floor: Any) -> Any:
    return incident(floor, "theirs", PERSON)


@pytest.fixture
def sealed(floor: Any, as_sequencer: Any) -> Callable[[Any], bytes]:  # noqa: F811
    def bundle(run: Any) -> bytes:
        while contextvars.Context().run(as_sequencer, sequencing.run_once):
            pass
        return services.export_run(run_id=run.pk, actor=floor.alice)

    return bundle


@pytest.fixture
def backup() -> Iterator[Callable[[], str]]:
    """Copies the whole database as it is now into another one; the name of that one."""
    name = f"backup_{os.getpid()}"

    def made() -> str:
        connections.close_all()
        ground._admin("CREATE DATABASE {} TEMPLATE {}", name, live())
        return name

    yield made
    ground.drop(name)


def live() -> str:
    return str(connections.settings["default"]["NAME"])


def turned() -> bool:
    """The chore of the sweeper, which is in no tenant's scope."""
    return contextvars.Context().run(rekeying.carry_on)


def seen(names: list[str], keks: list[bytes]) -> set[str]:
    """Everywhere that the person's name can be read, by whoever holds these keys."""
    dsns = [ground.superuser_dsn(name) for name in names]
    read = {kind for kind, content in finding.decrypted(dsns, keks) if PERSON.lower() in content.decode().lower()}
    return read | {place for dsn in dsns for place in finding.plain(dsn, PERSON)}


def told_of_keys() -> list[dict[str, Any]]:
    with transaction.atomic():
        return [parse_event(bytes(row.body)).data for row in Event.objects.filter(type="data_keys.ended")]


def everywhere() -> set[str]:
    return seen([live()], finding.keks_in(settings.INTERLOCK_DATA_DIR))


def test_a_person_is_erased_from_the_database_and_from_a_backup(
    floor: Any, theirs: Any, sealed: Callable[[Any], bytes], backup: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    trusted = parse(json.dumps(trust.export(floor.side.tenant.id)).encode())
    before = sealed(theirs)
    assert everywhere() == {"payload", "content"}, "what is encrypted, and nothing in plain text"
    copy = backup()
    assert seen([copy], finding.keks_in(settings.INTERLOCK_DATA_DIR)) == {"payload", "content"}
    found = erasing.erase(texts=[PERSON], reason="Art. 17 GDPR, request 4711", actor=floor.alice)
    assert (found.runs, found.contents > 3, len(found.payloads) > 3) == ({theirs.pk}, True, True)
    assert everywhere() == set(), "gone at once from the database"
    keys.turn()
    monkeypatch.setattr(rekeying, "GRACE", timedelta(0))
    assert turned()
    todays = finding.keks_in(settings.INTERLOCK_DATA_DIR)
    assert len(todays) == 1
    assert seen([copy, live()], todays) == set(), "a backup ends with the epoch of its keys"
    assert verify(before, Question(trusted, (), clock.now_ms())).verdict is Verdict.VERIFIED
    after = verify(sealed(theirs), Question(trusted, (), clock.now_ms()))
    assert (after.verdict, after.disclosed, after.erased > 3) == (Verdict.VERIFIED, 0, True), after.text()


def test_what_belongs_to_others_stays_and_is_replayed_after_a_turn_of_keys(
    floor: Any, theirs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = incident(floor, "others", "Somebody Else")
    erasing.erase(texts=[PERSON], reason="asked", actor=floor.alice)
    keys.turn()
    with pytest.raises(FileExistsError):
        keys.turn()
    assert not turned(), "some process may still use the old key"
    assert not told_of_keys(), "nothing ended yet"
    monkeypatch.setattr(rekeying, "GRACE", timedelta(0))
    assert turned()
    [ended] = told_of_keys()
    assert (ended["count"] >= 1, len(ended["epochs"])) == (True, 1)
    with transaction.atomic():
        assert [str(row.pk) for row in DataKey.objects.all()] == [ended["newest_id"]]
    assert exact.replay(reading.of_run(other.pk)).verdict is reports.Verdict.SAME
    assert structural.replay(reading.of_run(theirs.pk)).verdict is reports.Verdict.SAME, "metadata is for ever"
    assert exact.replay(reading.of_run(theirs.pk)).verdict is reports.Verdict.NOT_COVERED


def test_every_encrypted_row_is_known_to_the_turn_of_keys() -> None:
    from django.apps import apps

    def leads_to_a_key(field: Any) -> bool:
        return field.related_model is DataKey or field.name == "data_key_id"

    named = {model for model in apps.get_models() if any(map(leads_to_a_key, model._meta.concrete_fields))}
    assert named == {kind.model for kind in rekeying.ENCRYPTED}


def test_a_legal_hold_refuses_erasure_and_forgetting_and_the_refusal_is_on_record(floor: Any, theirs: Any) -> None:
    record.hold(run_id=theirs.pk, reason="case 12/26", actor=floor.alice)
    with pytest.raises(OnHold):
        erasing.erase(texts=[PERSON], reason="asked", actor=floor.alice)
    with pytest.raises(OnHold):
        record.shred(run_id=theirs.pk, reason="asked", actor=floor.alice)
    with transaction.atomic():
        told = list(Event.objects.filter(type="erasure.refused").values_list("type", flat=True))
        assert (len(told), ShredKey.objects.filter(subject_id=theirs.pk).exists()) == (2, True)
    with clock.frozen(clock.now() + timedelta(days=31)):
        with transaction.atomic():
            keeping.forget_expired()
            assert Content.objects.filter(subject_id=theirs.pk).count() > 3
        record.release(run_id=theirs.pk, actor=floor.alice)
        with transaction.atomic():
            assert keeping.forget_expired() > 3
            assert not Content.objects.filter(subject_id=theirs.pk).exists()


def test_a_run_that_goes_on_is_not_erased(floor: Any) -> None:
    floor.wake(floor.start(floor.incident(short_description=f"VPN drops for {PERSON}")))
    with pytest.raises(NotOver):
        erasing.erase(texts=[PERSON], reason="asked", actor=floor.alice)
    with transaction.atomic():
        assert Payload.objects.exists()


def test_erasing_needs_an_administrator_a_reason_and_a_text_that_says_something(floor: Any, theirs: Any) -> None:
    with pytest.raises(PermissionMissing):
        erasing.erase(texts=[PERSON], reason="asked", actor=floor.dana)
    for texts, reason in (([PERSON], " "), (["a"], "asked"), ([], "asked")):
        with pytest.raises(Invalid):
            erasing.erase(texts=texts, reason=reason, actor=floor.alice)
    assert everywhere() == {"payload", "content"}, "nothing happened"


def test_retention_is_bounded_and_content_ends_with_it(floor: Any) -> None:
    with pytest.raises(Invalid):
        record.set_retention(content_days=7, audit_days=2557, actor=floor.alice)
    with pytest.raises(Invalid):
        record.set_retention(content_days=14, audit_days=30, actor=floor.alice)
    record.set_retention(content_days=14, audit_days=2557, actor=floor.alice)
    run = incident(floor, "short", PERSON)
    with transaction.atomic():
        ends = {item.expires_at for item in Content.objects.filter(subject_id=run.pk)}
    assert max(ends) <= clock.now() + timedelta(days=14)
    with clock.frozen(clock.now() + timedelta(days=15)), transaction.atomic():
        assert keeping.forget_expired() > 3
        assert not payloads.known(list(Payload.objects.values_list("digest", flat=True)))
