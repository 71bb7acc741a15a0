"""Periods of a log: from the rows to a bundle that proves that nothing is left out."""

import json
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace

import pytest

from controlplane.lib import clock
from controlplane.lib.errors import NotFound
from controlplane.lib.ids import uuid7
from evidence import exports, services, trust
from evidence.errors import NothingSealed, PeriodTooLong
from evidence.models import Checkpoint, Event
from evidence.verify.dossier import Question
from evidence.verify.findings import Verdict
from evidence.verify.trust import parse
from evidence.verify.verifier import verify
from tenants import scope
from tenants.actors import Actor
from tests.integration.evidence.events import Noted

pytestmark = pytest.mark.usefixtures("committed_db")


@pytest.fixture
def alice(world: SimpleNamespace, actor_of: Callable) -> Actor:
    return actor_of(world.a.alice, world.a.tenant)


@pytest.fixture
def sealed(world: SimpleNamespace, in_scope: Callable, as_sequencer: Callable) -> Callable[[int], None]:
    """Records so many events, a run and loose ones, and has them signed."""
    system = Actor.system(world.a.tenant.id, "test")

    def record(count: int) -> None:
        run_id = uuid7()
        with in_scope(world.a.tenant):
            for number in range(count):
                services.record(
                    Noted(str(number)),
                    actor=system,
                    workspace_id=world.a.workspace.id,
                    run_id=run_id if number % 2 else None,
                )
        as_sequencer()

    return record


def exported(actor: Actor, log_id: object, **options: object) -> bytes:
    with scope.enter(actor.tenant_id):
        return exports.export_period(log_id=log_id, actor=actor, **options)


def ask(world: SimpleNamespace, *known: str) -> Question:
    return Question(parse(json.dumps(trust.export(world.a.tenant.id)).encode()), known, clock.now_ms())


def heads(world: SimpleNamespace, in_scope: Callable) -> list[Checkpoint]:
    with in_scope(world.a.tenant):
        return list(Checkpoint.objects.filter(log_id=world.a.workspace.id).order_by("size"))


def test_a_whole_log_verifies_as_a_period(world: SimpleNamespace, alice: Actor, sealed: Callable) -> None:
    sealed(7)
    sealed(4)
    report = verify(exported(alice, world.a.workspace.id), ask(world))
    assert (report.verdict, report.failures, report.kind) == (Verdict.VERIFIED, [], "period")
    assert report.events >= 11


def test_a_later_period_grows_from_the_head_before_it(
    world: SimpleNamespace, alice: Actor, sealed: Callable, in_scope: Callable
) -> None:
    sealed(7)
    sealed(5)
    sealed(3)
    first, second, last = heads(world, in_scope)
    bundle = exported(alice, world.a.workspace.id, since=first.created_at, until=second.created_at)
    report = verify(bundle, ask(world, first.note))
    assert (report.verdict, report.events, report.assurance.name) == (Verdict.VERIFIED, 5, "A3"), report.text()
    assert verify(bundle, ask(world, last.note)).failures == ["STALE"]


def test_a_head_inside_the_period_is_found_in_it_without_a_proof(
    world: SimpleNamespace, alice: Actor, sealed: Callable, in_scope: Callable
) -> None:
    sealed(2)
    sealed(2)
    inside = heads(world, in_scope)[0]
    report = verify(exported(alice, world.a.workspace.id), ask(world, inside.note))
    assert (report.verdict, report.assurance.name) == (Verdict.VERIFIED, "A3"), report.text()


def test_the_tenant_wide_log_has_periods_too(world: SimpleNamespace, alice: Actor, sealed: Callable) -> None:
    sealed(1)
    report = verify(exported(alice, world.a.tenant.id), ask(world))
    assert (report.verdict, report.failures) == (Verdict.VERIFIED, []), report.text()


def test_a_period_in_which_nothing_was_sealed_is_refused(
    world: SimpleNamespace, alice: Actor, sealed: Callable
) -> None:
    with pytest.raises(NotFound):
        exported(alice, world.a.workspace.id)
    sealed(2)
    with pytest.raises(NothingSealed):
        exported(alice, world.a.workspace.id, since=clock.now() + timedelta(hours=1))


def test_a_period_too_long_for_one_bundle_is_refused(
    world: SimpleNamespace, alice: Actor, sealed: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealed(4)
    monkeypatch.setattr("evidence.periods.MOST", 3)
    with pytest.raises(PeriodTooLong):
        exported(alice, world.a.workspace.id)


def test_the_export_of_a_period_is_on_record(
    world: SimpleNamespace, alice: Actor, sealed: Callable, in_scope: Callable
) -> None:
    sealed(2)
    exported(alice, world.a.workspace.id)
    with in_scope(world.a.tenant):
        assert Event.objects.filter(type="evidence.period_exported", log_id=world.a.workspace.id).count() == 1


def test_who_may_not_export_cannot_tell_that_the_log_exists(
    world: SimpleNamespace, sealed: Callable, actor_of: Callable, in_scope: Callable
) -> None:
    sealed(2)
    for stranger in (actor_of(world.charlie, world.b.tenant), actor_of(world.a.dana, world.a.tenant)):
        with pytest.raises(NotFound):
            exported(stranger, world.a.workspace.id)
    with in_scope(world.a.tenant):
        assert not Event.objects.filter(type="evidence.period_exported").exists()
