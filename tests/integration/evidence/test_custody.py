"""What the console shows of keys, anchors, epochs and guards is what is stored; who is late is said."""

import json
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.core.management import call_command
from django.db import transaction

from controlplane import doctor
from controlplane.lib import clock
from controlplane.lib.ids import uuid7
from evidence import anchors, custody, epochs, guarding, keyrings, lateness, sequencing, services
from evidence.custody import Custody, Log
from evidence.events import LogHeartbeat
from evidence.models import Event, LogHead, Quarantine
from tenants import scope
from tenants.actors import Actor
from tenants.errors import PermissionMissing
from tests import tsa

pytestmark = pytest.mark.usefixtures("committed_db")


class House(SimpleNamespace):
    """A tenant with one signed run; `seen` is what Alice, an administrator, is shown."""

    def outside(self, **members: object) -> None:
        self.settings.INTERLOCK_ANCHORS = self.folder / "anchors.json"
        self.settings.INTERLOCK_ANCHORS.write_text(json.dumps(members))

    def seen(self, actor: Actor | None = None) -> Custody:
        with scope.enter(self.tenant), transaction.atomic():
            return custody.read(actor or self.alice)

    def log_seen(self) -> Log:
        return next(log for log in self.seen().logs if log.id == self.log)

    def later(self, monkeypatch: pytest.MonkeyPatch, by: timedelta) -> None:
        now = clock.now()
        monkeypatch.setattr(lateness.clock, "now", lambda: now + by)


@pytest.fixture
def house(
    world: SimpleNamespace, in_scope: Callable, actor_of: Callable, as_sequencer: Callable, settings, tmp_path: Path
) -> House:
    made = House(
        tenant=world.a.tenant.id,
        log=world.a.workspace.id,
        alice=actor_of(world.a.alice, world.a.tenant),
        as_sequencer=as_sequencer,
        settings=settings,
        folder=tmp_path,
    )
    settings.INTERLOCK_ANCHORS = tmp_path / "absent.json"
    run_id, system = uuid7(), Actor.system(made.tenant, "test")
    with in_scope(made.tenant):
        services.record(LogHeartbeat(0), actor=system, workspace_id=made.log, run_id=run_id)
        services.close_run(run_id=run_id, actor=system)
    while as_sequencer(sequencing.run_once):
        pass
    return made


def test_keys_and_heads_are_shown_with_whom_they_are_vouched_for_by(house: House) -> None:
    found, log = house.seen(), house.log_seen()
    assert found.ring is not None
    assert {(key.use, key.state) for key in found.ring.keys} == {("checkpoint", "VALID"), ("bundle", "VALID")}
    assert [kid.partition(":")[0] for kid in found.ring.signed_by] == ["ed25519"]
    assert (log.signed_size, log.frozen_reason) == (log.size, "")
    assert log.signed_at is not None
    assert (found.epochs, found.set_aside, found.problem) == ((), (), "")
    assert (found.authorities, found.witnesses, found.places, log.late) == ((), (), (), ())


def test_a_revoked_key_is_shown_as_revoked(house: House, in_scope: Callable) -> None:
    ring = house.seen().ring
    assert ring is not None
    kid = next(key.kid for key in ring.keys if key.use == "checkpoint")
    with in_scope(house.tenant):
        keyrings.revoke(kid, reason="laptop lost", at_ms=clock.now_ms(), actor=house.alice)
    after = house.seen().ring
    assert after is not None
    assert {key.kid: key.state for key in after.keys}[kid] == "REVOKED"
    assert sorted(key.state for key in after.keys) == ["REVOKED", "VALID", "VALID"]
    assert after.version == ring.version + 1


def test_stamps_and_pushes_are_shown_with_their_time(house: House) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl here")
    began = clock.now()
    (house.folder / "tsa").mkdir()
    with tsa.running(house.folder / "tsa") as authority:
        stamping = {"name": "openssl.test", "url": authority.url, "certificate": f"{authority.folder}/tsa.pem"}
        place = {"name": "share", "kind": "directory", "path": str(house.folder / "share"), "tenant": str(house.tenant)}
        house.outside(tsas=[stamping], places=[place])
        house.as_sequencer(anchors.run_round)
    log = house.log_seen()
    assert [(one.by, one.size) for one in log.stamps] == [("openssl.test", log.signed_size)]
    assert [(one.by, one.size) for one in log.pushes] == [("share", log.signed_size)]
    pushed, stamped = log.pushes[0].at, log.stamps[0].at
    assert pushed is not None
    assert stamped is not None
    assert began <= pushed <= clock.now()
    assert abs(stamped - began) < timedelta(minutes=5)
    assert log.late == ()


def test_who_has_not_seen_a_head_for_minutes_is_late(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    place = {"name": "share", "kind": "directory", "path": str(house.folder / "share"), "tenant": str(house.tenant)}
    house.outside(places=[place, {**place, "name": "of another", "tenant": str(uuid7())}])
    assert (house.log_seen().late, doctor.anchors().ok) == ((), True)
    house.later(monkeypatch, timedelta(minutes=6))
    assert house.log_seen().late == ("share",)
    told = doctor.anchors()
    assert (told.ok, told.needed) == (False, False)
    assert "by share" in told.found
    house.as_sequencer(anchors.run_round)
    assert (house.log_seen().late, doctor.anchors().ok) == ((), True)


def test_a_file_that_cannot_be_read_is_shown_as_a_problem(house: House) -> None:
    house.outside(tsa=[])
    assert "unknown: tsa" in house.seen().problem
    assert not doctor.anchors().ok
    assert house.log_seen().signed_at is not None


def test_an_epoch_is_shown_with_what_was_lost(house: House) -> None:
    size = house.log_seen().signed_size

    def freeze() -> int:
        with scope.enter(house.tenant), transaction.atomic():
            return LogHead.objects.filter(pk=house.log).update(frozen_reason="restored")

    def go_on() -> int:
        with scope.enter(house.tenant):
            epochs.open_next(log_id=house.log, reason="disk lost", actor=house.alice)
        return 0

    house.as_sequencer(freeze)
    assert house.log_seen().frozen_reason == "restored"
    house.as_sequencer(go_on)
    epoch = house.seen().epochs[0]
    assert (epoch.kept, epoch.signed, epoch.lost) == (size, size, 0)
    assert (epoch.reason, epoch.cause) == ("disk lost", "restored")
    assert epoch.origin == house.log_seen().origin
    assert epoch.origin.endswith("/2")


def test_what_was_set_aside_and_the_guards_are_shown(house: House) -> None:
    poison = uuid7()

    def set_aside() -> int:
        with scope.enter(house.tenant), transaction.atomic():
            Quarantine.objects.create(id=poison, log_id=house.log, reason="seal_broken")
        return guarding.attest()

    house.as_sequencer(set_aside)
    found = house.seen()
    assert [(one.event_id, one.reason) for one in found.set_aside] == [(poison, "seal_broken")]
    assert found.guard is not None
    assert found.guard.faults == ()
    with scope.enter(house.tenant), transaction.atomic():
        assert Event.objects.filter(type__startswith="guard.").exists()


def test_who_may_not_export_sees_nothing_of_it(house: House, world: SimpleNamespace, actor_of: Callable) -> None:
    with pytest.raises(PermissionMissing):
        house.seen(actor_of(world.a.dana, world.a.tenant))


def test_the_doctor_says_it_on_its_own_line(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor.PROBES["anchors"]().found == "0 outside are shown signed heads, none is late"
    call_command("doctor", "--json")
    assert "Anchors" in {finding["name"] for finding in json.loads(capsys.readouterr().out)}
