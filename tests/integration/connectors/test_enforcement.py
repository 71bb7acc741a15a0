"""The canary of enforcement, through the real gateway and the real policy decision point."""

import json
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import transaction

from connectors import enforcement, self_calls
from connectors.lights import Light
from connectors.models import CallAttempt, Enforcement, History, ToolCall
from controlplane.lib import clock
from evidence.models import Event
from metering.models import Reservation, UsageRow
from policies import access, point
from policies.engine.protocol import PointFailure
from policies.models import DecisionRecord
from policies.searching import Wanted
from policies.types import PackSource
from tenants import halts, triggers
from tenants.triggers import Rule
from tests import gateway_ground as ground
from tests.stand_ins import StandIns
from workflows import sweeping

GENEROUS = PackSource(
    'package interlock.packs.generous\n\ngrants contains {"rule": "anything"} if input.action == "tool.call"'
)


class Dead:
    """A decision point that cannot be had."""

    def evaluate(self, program: Any, document: Any) -> Any:
        raise PointFailure("pdp_unavailable")


def seen(side: SimpleNamespace, actor: Any) -> list[Light]:
    with transaction.atomic():
        return [shown.light for shown in enforcement.lights(actor)]


def events(kind: str) -> list[Any]:
    with transaction.atomic():
        return list(Event.objects.filter(type=kind).order_by("id"))


@transaction.atomic
def row_of(side: SimpleNamespace) -> Enforcement:
    return Enforcement.objects.get(environment=side.environment)


def test_before_the_first_canary_nothing_is_known_and_then_it_is_enforced(ready: SimpleNamespace) -> None:
    assert seen(ready, ready.admin) == [Light.UNKNOWN]
    assert enforcement.try_due() == 1
    assert seen(ready, ready.admin) == [Light.ENFORCING]
    row = row_of(ready)
    assert (row.outcome, row.code) == ("held", "default_deny")
    with transaction.atomic():
        decision = DecisionRecord.objects.get(pk=row.decision_id)
        assert (decision.effect, decision.call_id, decision.workflow) == ("DENY", row.call_id, "interlock-canary")
    assert len(events("enforcement.changed")) == 1


def test_it_is_put_through_once_a_minute_whoever_asks(ready: SimpleNamespace) -> None:
    assert [enforcement.try_due() for _ in range(3)] == [1, 0, 0]
    with clock.frozen(clock.now() + timedelta(seconds=61)):
        assert enforcement.try_due() == 1
    assert len(events("enforcement.changed")) == 1, "what stays as it is, is not told again"
    with transaction.atomic():
        assert ToolCall.objects.filter(tool="interlock.canary.ping").count() == 2


def test_it_counts_against_no_ticket_and_no_budget_and_is_never_sent(ready: SimpleNamespace, vendors: StandIns) -> None:
    enforcement.try_due()
    with transaction.atomic():
        call = ToolCall.objects.get(tool="interlock.canary.ping")
        assert (call.ticket, call.actor_kind, call.actor_label) == (None, "system", "canary")
        for model in (CallAttempt, History, Reservation, UsageRow):
            assert not model.objects.exists()
    assert vendors.log() == []


def test_a_policy_that_grants_everything_turns_the_light_red_and_engages_the_kill_switch(
    ready: SimpleNamespace,
) -> None:
    rule = triggers.set_trigger(name="canary", rule=Rule(kind="canary"), actor=ready.admin)
    assert triggers.check_trigger(rule) == []
    ground.publish(ready, ready.admin, generous=GENEROUS)
    with clock.frozen(clock.now() + timedelta(seconds=61)):
        [halt] = triggers.check_trigger(rule)
        assert seen(ready, ready.admin) == [Light.FAILED]
    assert (halt.scope, halt.engaged_by_label) == (f"environment:{ready.environment.id}", "trigger canary")
    assert [len(events(f"enforcement.{kind}")) for kind in ("changed", "failed")] == [2, 1]
    with clock.frozen(clock.now() + timedelta(seconds=200)):
        enforcement.try_due()
        assert seen(ready, ready.admin) == [Light.FAILED], "held by the kill switch is not held by policy"
        assert row_of(ready).code == "halted"
    assert [len(events(f"enforcement.{kind}")) for kind in ("changed", "failed")] == [2, 2]


def test_a_decision_point_that_is_dead_is_no_proof_of_policy(ready: SimpleNamespace) -> None:
    with point.replaced_by(Dead()):
        enforcement.try_due()
    assert seen(ready, ready.admin) == [Light.DENYING]
    assert row_of(ready).code == "pdp_unavailable"
    with clock.frozen(clock.now() + timedelta(seconds=61)):
        enforcement.try_due()
        assert seen(ready, ready.admin) == [Light.ENFORCING]
    assert [json.loads(bytes(e.body))["data"]["now"] for e in events("enforcement.changed")] == ["closed", "held"]


def test_a_bundle_that_ran_out_is_no_proof_either(ready: SimpleNamespace) -> None:
    with clock.frozen(clock.now() + timedelta(hours=1)):
        enforcement.try_due()
        assert seen(ready, ready.admin) == [Light.DENYING]
    assert row_of(ready).code == "bundle_stale"


def test_a_canary_that_cannot_be_put_through_proves_nothing(
    ready: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    with transaction.atomic():
        self_calls.install()
        self_calls.ConnectorInstance.objects.filter(name=self_calls.NAME).update(enabled=False)
    enforcement.try_due()
    assert seen(ready, ready.admin) == [Light.LATE]
    assert row_of(ready).outcome == "unproven"


def test_a_light_goes_out_when_nobody_proves_it_any_more(ready: SimpleNamespace) -> None:
    enforcement.try_due()
    with clock.frozen(clock.now() + timedelta(seconds=121)):
        assert seen(ready, ready.admin) == [Light.LATE]


def test_without_a_policy_there_is_nothing_to_prove(bare: SimpleNamespace) -> None:
    assert enforcement.try_due() == 0
    assert seen(bare, bare.admin) == []


def test_strangers_see_no_light_and_other_tenants_are_tried_too(
    ready: SimpleNamespace, world: SimpleNamespace, actor_of: Callable[..., Any], elsewhere: Callable[..., Any]
) -> None:
    enforcement.try_due()
    assert seen(ready, actor_of(world.charlie, ready.tenant)) == []
    with elsewhere(world.b.tenant):
        assert seen(ready, actor_of(world.charlie, world.b.tenant)) == []


def test_a_halt_does_not_stop_the_proof(ready: SimpleNamespace) -> None:
    halts.engage(scope=halts.Scope(halts.Kind.TENANT), mode="freeze", reason="drill", actor=ready.admin)
    enforcement.try_due()
    assert seen(ready, ready.admin) == [Light.ENFORCING]


def test_the_canary_is_not_among_the_decisions_about_work_unless_it_is_asked_for(ready: SimpleNamespace) -> None:
    enforcement.try_due()
    with transaction.atomic():
        assert access.list_decisions(ready.admin) == []
        [row] = access.list_decisions(ready.admin, wanted=Wanted(texts={"workflow": "interlock-canary"}))
    assert row.tool == "interlock.canary.ping"


def test_the_sweeper_puts_it_through(ready: SimpleNamespace) -> None:
    [chore] = [chore for chore in sweeping.CHORES if chore.work is enforcement.try_due]
    assert timedelta(seconds=chore.every_s) < enforcement.EVERY
    sweeping.attempt(chore)
    assert seen(ready, ready.admin) == [Light.ENFORCING]
