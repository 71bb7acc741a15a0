"""The kill switch by itself: rehearsed with proof, and engaged by what is measured."""

from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.db import transaction

from connectors import drills, enforcement, measures
from connectors.calls import CallState, CallStatus
from connectors.models import CallAttempt, ToolCall
from controlplane.lib import clock, ids
from controlplane.lib.errors import Invalid
from evidence.models import Event
from metering import services as metering
from metering.models import Budget
from metering.types import BudgetKind, Period
from tenants import halts, ports, triggers
from tenants.errors import HaltState, PermissionMissing
from tenants.halt_scopes import Kind, Scope
from tenants.models import Halt, HaltTrigger
from tenants.readings import Watch
from tenants.triggers import Rule
from tests import gateway_ground as ground


@pytest.fixture
def dana(ready: SimpleNamespace, actor_of: Callable) -> object:
    return actor_of(ready.dana, ready.tenant)


def told(kind: str) -> int:
    with transaction.atomic():
        return Event.objects.filter(type=kind).count()


def in_force() -> list[str]:
    with transaction.atomic():
        return [halt.scope for halt in halts.every_active()]


def measured(rule: Rule, admin: object) -> list[Halt]:
    return triggers.check_trigger(triggers.set_trigger(name=rule.kind.replace("_", "-"), rule=rule, actor=admin))


def test_a_drill_proves_that_the_switch_refused_and_nothing_else(ready: SimpleNamespace, dana: object) -> None:
    drill = drills.rehearse(environment_id=ready.environment.id, actor=dana)
    assert drill.passed, (drill.refused_as, drill.resumed_as, drill.detail)
    assert (drill.refused_as, drill.resumed_as) == ("HALTED halted", "SUCCEEDED")
    times = [drill.engaged_ms, drill.confirmed_ms, drill.refused_ms, drill.released_ms, drill.resumed_ms]
    assert None not in times
    assert times == sorted(times)
    assert (in_force(), told("halt.drill_finished"), told("halt.released")) == ([], 1, 1)
    with transaction.atomic():
        assert halts.drills_in_force() == []
    assert [row.pk for row in drills.latest()] == [drill.pk]


def test_a_switch_that_does_not_stop_fails_its_drill(
    ready: SimpleNamespace, dana: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.gateway.scopes.closing", lambda *_: None)
    drill = drills.rehearse(environment_id=ready.environment.id, actor=dana)
    assert (drill.passed, drill.refused_as) == (False, "SUCCEEDED")
    assert "SUCCEEDED" in drill.detail


def test_a_drill_without_a_policy_proves_nothing(bare: SimpleNamespace, actor_of: Callable) -> None:
    drill = drills.rehearse(environment_id=bare.environment.id, actor=actor_of(bare.dana, bare.tenant))
    assert (drill.passed, drill.refused_as) == (False, "DENIED bundle_missing")


def test_nobody_rehearses_without_the_permission_or_under_a_real_halt(
    ready: SimpleNamespace, dana: object, actor_of: Callable
) -> None:
    stranger = actor_of(ready.alice, ready.tenant, token_scopes=frozenset({"view"}))
    with pytest.raises(PermissionMissing):
        drills.rehearse(environment_id=ready.environment.id, actor=stranger)
    halts.engage(scope=Scope(Kind.TENANT), mode="freeze", reason="real", actor=dana)
    with pytest.raises(HaltState):
        drills.rehearse(environment_id=ready.environment.id, actor=dana)
    assert drills.latest() == []


def test_a_drill_that_was_killed_is_cleared_by_the_next(ready: SimpleNamespace, dana: object) -> None:
    with transaction.atomic():
        halts.put_in_force(
            scope=Scope(Kind.WORKFLOW, drills.WORKFLOW), mode="freeze", reason="left", actor=dana, drill=True
        )
    assert in_force() == []
    assert drills.rehearse(environment_id=ready.environment.id, actor=dana).passed


def test_the_kinds_of_triggers_are_the_measures(ready: SimpleNamespace) -> None:
    assert set(ports.measures) == set(HaltTrigger.Kind.values) == set(triggers.WATCHES)
    assert all(port.get() for port in ports.measures.values())


def test_the_canary_is_held_back_and_whoever_lets_it_pass_is_halted(
    ready: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    rule = Rule(kind="canary")
    assert measured(rule, ready.admin) == []
    with transaction.atomic():
        assert [(c.tool, c.state) for c in ToolCall.objects.all()] == [("interlock.canary.ping", "DENIED")]
    passed = CallStatus(ids.uuid7(), CallState.SUCCEEDED)
    monkeypatch.setattr(enforcement, "put_through", lambda *_: passed)
    with clock.frozen(clock.now() + timedelta(seconds=61)):
        [halt] = measured(rule, ready.admin)
    assert halt.scope == f"environment:{ready.environment.id}"
    assert "succeeded" in halt.reason
    assert halt.engaged_by_label == "trigger canary"


def test_a_used_up_budget_halts_its_workflow(ready: SimpleNamespace) -> None:
    metering.set_budget(
        kind=BudgetKind.WORKFLOW, value="itsm-triage", period=Period.DAY, limit_micros=1_000, actor=ready.admin
    )
    rule = Rule(kind="budget_breach", threshold=90)
    assert measured(rule, ready.admin) == []
    with transaction.atomic():
        Budget.objects.filter(kind="workflow").update(spent_micros=950)
    [halt] = measured(rule, ready.admin)
    assert (halt.scope, halt.mode) == ("workflow:itsm-triage", "freeze")
    assert measured(rule, ready.admin) == []


def test_failing_calls_halt_their_connector_once_there_are_enough(ready: SimpleNamespace, vendors: object) -> None:
    rule = Rule(kind="error_rate", watch_kind="connector", threshold=50, minimum=3, mode="stop_and_undo")
    for number in range(4):
        args = {"sys_id": vendors.incident()}
        ground.go(ready, ground.spec_for(ready, "servicenow.incident.get", "servicenow", args))
        if number == 1:
            assert measured(rule, ready.admin) == []
    assert measured(rule, ready.admin) == []
    with transaction.atomic():
        CallAttempt.objects.filter(pk__in=CallAttempt.objects.values("pk")[:2]).update(outcome="unknown")
    [halt] = measured(rule, ready.admin)
    assert (halt.scope, halt.mode) == ("connector:servicenow", "stop_and_undo")
    assert "2 of 4 calls" in halt.reason


def test_a_record_that_cannot_keep_up_halts_the_tenant(ready: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    rule = Rule(kind="evidence_backpressure")
    assert measured(rule, ready.admin) == []
    monkeypatch.setattr("evidence.measures.backpressure", lambda: "evidence_lag")
    [halt] = measured(rule, ready.admin)
    assert (halt.scope, "evidence_lag" in halt.reason) == ("tenant", True)


def test_after_a_release_a_rule_is_quiet_for_its_window(
    ready: SimpleNamespace, dana: object, actor_of: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evidence.measures.backpressure", lambda: "evidence_lag")
    rule = Rule(kind="evidence_backpressure", window_s=300)
    [halt] = measured(rule, ready.admin)
    halts.request_release(halt_id=halt.id, reason="known", actor=dana)
    halts.release(halt_id=halt.id, actor=actor_of(ready.bob, ready.tenant))
    assert measured(rule, ready.admin) == []
    with clock.frozen(clock.now() + timedelta(seconds=301)):
        assert len(measured(rule, ready.admin)) == 1


def test_a_rule_is_set_by_an_administrator_on_record_and_switched_off(ready: SimpleNamespace, dana: object) -> None:
    rule = Rule(kind="error_rate", watch_kind="connector", threshold=50)
    with pytest.raises(PermissionMissing):
        triggers.set_trigger(name="errors", rule=rule, actor=dana)
    for wrong in (Rule(kind="error_rate"), Rule(kind="weather"), Rule(kind="canary", window_s=1)):
        with pytest.raises(Invalid):
            triggers.set_trigger(name="errors", rule=wrong, actor=ready.admin)
    trigger = triggers.set_trigger(name="errors", rule=rule, actor=ready.admin)
    triggers.switch(trigger_id=trigger.pk, enabled=False, actor=ready.admin)
    assert told("halt.trigger_set") == 2
    assert triggers.check_all() == 0


def test_a_measure_counts_nothing_older_than_its_window(ready: SimpleNamespace, vendors: object) -> None:
    ground.go(ready, ground.spec_for(ready, "servicenow.incident.get", "servicenow", {"sys_id": vendors.incident()}))
    watch = Watch("connector", "", 1)
    assert [r.level for r in measures.error_rate(watch, since=clock.now() - timedelta(minutes=5))] == [0]
    assert measures.error_rate(watch, since=clock.now() + timedelta(minutes=5)) == []
