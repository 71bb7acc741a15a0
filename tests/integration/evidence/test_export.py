"""From the rows to a bundle that a stranger verifies, and what a changed bundle says."""

import json
import random
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest

from controlplane.lib import clock
from controlplane.lib.errors import NotFound
from controlplane.lib.events import Committed
from controlplane.lib.ids import uuid7
from evidence import erasing, services, trust
from evidence.errors import NotSealed
from evidence.models import Event
from evidence.verify import cli
from evidence.verify.dossier import Question
from evidence.verify.findings import Verdict
from evidence.verify.trust import Trust, parse
from evidence.verify.verifier import verify
from tenants import scope
from tenants.actors import Actor
from tests.integration.evidence.events import Noted

pytestmark = pytest.mark.usefixtures("committed_db")


@pytest.fixture
def run(world: object, in_scope: Callable) -> UUID:
    """A closed run of five events and their seal, in the log of workspace A, not sequenced yet."""
    run_id, system = uuid7(), Actor.system(world.a.tenant.id, "test")
    with in_scope(world.a.tenant):
        for number in range(5):
            content = Committed(f'{{"n":{number}}}'.encode())
            services.record(Noted(str(number), content), actor=system, workspace_id=world.a.workspace.id, run_id=run_id)
        services.close_run(run_id=run_id, actor=system)
    return run_id


@pytest.fixture
def alice(world: object, actor_of: Callable) -> Actor:
    return actor_of(world.a.alice, world.a.tenant)


def exported(actor: Actor, run: UUID, **options: object) -> bytes:
    with scope.enter(actor.tenant_id):
        return services.export_run(run_id=run, actor=actor, **options)


def trusted(world: object) -> Trust:
    return parse(json.dumps(trust.export(world.a.tenant.id)).encode())


def ask(world: object, *known: str) -> Question:
    return Question(trusted(world), known, clock.now_ms())


def test_a_bundle_verifies_with_the_trust_exported_before_the_run(
    world: object, run: UUID, alice: Actor, as_sequencer: Callable
) -> None:
    as_sequencer()
    report = verify(exported(alice, run), ask(world))
    assert report.failures == []
    assert (report.verdict, report.events, report.disclosed, report.redacted) == (Verdict.VERIFIED, 6, 5, 0)


def test_without_trust_the_best_verdict_is_untrusted(
    world: object, run: UUID, alice: Actor, as_sequencer: Callable
) -> None:
    as_sequencer()
    report = verify(exported(alice, run), Question(None, (), clock.now_ms()))
    assert (report.verdict, report.failures) == (Verdict.UNTRUSTED, ["TRUST-NONE"])


def test_a_bundle_extends_the_head_that_was_remembered(
    world: object, run: UUID, alice: Actor, as_sequencer: Callable
) -> None:
    as_sequencer()
    first = verify(exported(alice, run), ask(world))
    as_sequencer()
    size = int(first.note.split("\n")[1])
    later = verify(exported(alice, run, known_sizes=[size]), ask(world, first.note))
    assert (later.verdict, later.assurance.name) == (Verdict.VERIFIED, "A3")


def test_every_flipped_bit_is_refused(world: object, run: UUID, alice: Actor, as_sequencer: Callable) -> None:
    as_sequencer()
    bundle, question = exported(alice, run), ask(world)
    source = random.Random(20261121)
    for position in source.sample(range(len(bundle)), 200):
        flipped = bytearray(bundle)
        flipped[position] ^= 1 << source.randrange(8)
        assert verify(bytes(flipped), question).verdict is not Verdict.VERIFIED, position


def test_a_late_event_is_sealed_again_before_the_export(
    world: object, run: UUID, alice: Actor, in_scope: Callable, as_sequencer: Callable
) -> None:
    with in_scope(world.a.tenant):
        services.record(Noted("late"), actor=Actor.system(world.a.tenant.id, "test"), run_id=run)
    with pytest.raises(NotSealed):
        exported(alice, run, timeout_s=0)
    as_sequencer()
    report = verify(exported(alice, run), ask(world))
    assert (report.verdict, report.events) == (Verdict.VERIFIED, 8)


def test_an_export_is_on_record(
    world: object, run: UUID, alice: Actor, in_scope: Callable, as_sequencer: Callable
) -> None:
    as_sequencer()
    exported(alice, run)
    with in_scope(world.a.tenant):
        assert Event.objects.filter(type="evidence.exported").count() == 1


def test_a_stranger_cannot_tell_that_the_run_exists(
    world: object, run: UUID, actor_of: Callable, as_sequencer: Callable
) -> None:
    as_sequencer()
    charlie = actor_of(world.charlie, world.b.tenant)
    with pytest.raises(NotFound):
        exported(charlie, run)
    with pytest.raises(NotFound):
        exported(actor_of(world.a.dana, world.a.tenant), run)


def test_erased_content_is_gone_and_explained(
    world: object, run: UUID, alice: Actor, in_scope: Callable, as_sequencer: Callable
) -> None:
    as_sequencer()
    before = exported(alice, run)
    with scope.enter(world.a.tenant.id):
        assert erasing.shred(run_id=run, reason="asked for by the data subject", actor=alice)
        assert not erasing.shred(run_id=run, reason="again", actor=alice)
    with pytest.raises(NotSealed):
        exported(alice, run, timeout_s=0)
    as_sequencer()
    after = verify(exported(alice, run), ask(world))
    assert (after.verdict, after.disclosed, after.erased) == (Verdict.VERIFIED, 0, 5)
    assert verify(before, ask(world)).verdict is Verdict.VERIFIED


def test_the_command_says_the_verdict_in_its_exit_code(
    world: object, run: UUID, alice: Actor, as_sequencer: Callable, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    as_sequencer()
    bundle, trust_file, note = tmp_path / "run.evb", tmp_path / "trust.json", tmp_path / "head.note"
    bundle.write_bytes(exported(alice, run))
    trust_file.write_text(json.dumps(trust.export(world.a.tenant.id)))
    assert cli.main([str(bundle), "--trust", str(trust_file), "--save-note", str(note)]) == 0
    assert "VERDICT VERIFIED exit=0 assurance=A1 events=6/6" in capsys.readouterr().out
    assert cli.main([str(bundle), "--trust", str(trust_file), "--known", str(note), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["assurance"] == "A3"
    assert cli.main([str(bundle), "--trust", str(trust_file), "--profile", "audit"]) == 4
    assert cli.main([str(bundle)]) == 3
    assert cli.main([str(tmp_path / "absent"), "--trust", str(trust_file)]) == 2
