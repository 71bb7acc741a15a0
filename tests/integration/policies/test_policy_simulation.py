"""Recorded decisions decided again under another policy, by the real engine, from the kept inputs."""

from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from controlplane.lib import clock
from controlplane.lib.errors import NotFound
from evidence.models import Event
from policies import access, backtest, packs, simulation
from policies.models import DecisionRecord, Simulation
from policies.types import Decision, Effect, PackSource, SimulationState
from tenants import payloads
from tenants.errors import PermissionMissing
from tenants.models import Payload
from tests.policy_questions import question

Ask = Callable[..., Decision]
GENEROUS = PackSource(packs.rego("triage").replace('"effect": "REQUIRE_HITL"', '"effect": "ALLOW"'), {"channels": []})


def reading(side: SimpleNamespace) -> dict[str, Any]:
    return question(side, tool="servicenow.incident.get", kind="read", risk="low", args={"sys_id": "0" * 32})


@pytest.fixture
def simulate(published: SimpleNamespace) -> Callable[..., Simulation]:
    """Request a simulation of a pack `triage` and carry it to its end, as a worker would."""

    def run(pack: PackSource, **changes: Any) -> Simulation:
        wanted = {"since": clock.now() - timedelta(hours=1), "until": clock.now() + timedelta(hours=1), "most": 1000}
        row = simulation.request(
            environment_id=published.environment.id,
            packs={"triage": pack},
            actor=published.actor,
            **{**wanted, **changes},
        )
        for _ in range(50):
            simulation.carry_on(row.pk)
            row.refresh_from_db()
            if row.state in {SimulationState.DONE, SimulationState.REFUSED}:
                return row
        pytest.fail("the simulation does not end")

    return run


def test_the_active_policy_reproduces_what_it_decided(
    published: SimpleNamespace, ask: Ask, simulate: Callable[..., Simulation]
) -> None:
    for document in (question(published), reading(published), question(published, tool="nobody.knows")):
        ask(document)
    report = simulate(packs.triage(channels=["C0TEAM0001"])).report
    assert (report["decisions"], report["covered"], report["same"]) == (3, 3, 3)
    assert (report["loosened"], report["tightened"], report["failed"]) == (0, 0, 0)


def test_a_looser_policy_is_shown_with_the_rule_that_went(
    published: SimpleNamespace, ask: Ask, simulate: Callable[..., Simulation]
) -> None:
    asked = ask()
    assert asked.effect is Effect.REQUIRE_HITL
    high = ask(question(published, risk="high"))
    row = simulate(GENEROUS)
    assert row.state == SimulationState.DONE
    assert (row.report["loosened"], row.report["loosened_high_risk"]) == (2, 1)
    assert row.report["matrix"]["REQUIRE_HITL"] == {"ALLOW": 2}
    assert {example["decision"] for example in row.report["examples"]} == {str(asked.id), str(high.id)}
    [told] = Event.objects.filter(type="policy.simulated")
    assert told.log_id == published.workspace.id


def test_decisions_without_a_policy_or_without_content_are_not_covered(
    published: SimpleNamespace, ask: Ask, simulate: Callable[..., Simulation]
) -> None:
    malformed = {**question(published), "action": "no such action"}
    ask(malformed)
    gone = ask(reading(published))
    Payload.objects.filter(digest=DecisionRecord.objects.get(pk=gone.id).input_digest).delete()
    report = simulate(GENEROUS).report
    assert report["covered"] == 0
    assert report["not_covered"] == {"content_expired": 1, "no_policy_decided": 1}


def test_a_decision_that_does_not_come_out_as_recorded_proves_nothing(
    published: SimpleNamespace, ask: Ask, simulate: Callable[..., Simulation], monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(reading(published))
    monkeypatch.setattr(backtest, "_input", lambda *_: question(published, tool="nobody.knows"))
    report = simulate(GENEROUS).report
    assert (report["covered"], report["not_covered"]) == (0, {"not_reproduced": 1})


def test_a_candidate_that_may_not_be_published_is_refused_with_its_findings(
    published: SimpleNamespace, simulate: Callable[..., Simulation]
) -> None:
    source = 'package interlock.packs.triage\ngrants contains {"rule": "x"} if http.send({})'
    row = simulate(PackSource(source))
    assert row.state == SimulationState.REFUSED
    assert [finding["code"] for finding in row.findings] == ["forbidden_builtin"]
    assert row.report == {}


def test_slices_give_the_same_report_as_one_go(
    published: SimpleNamespace, ask: Ask, simulate: Callable[..., Simulation], monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(7):
        ask(question(published))
    whole = simulate(GENEROUS).report
    monkeypatch.setattr(backtest, "BATCH", 2)
    monkeypatch.setattr(simulation, "SLICE_S", 0.0001)
    sliced = simulate(GENEROUS)
    assert sliced.fence > 2
    assert sliced.report == whole


def test_a_second_worker_finds_nothing_to_do(published: SimpleNamespace, ask: Ask) -> None:
    now = clock.now()
    row = simulation.request(
        environment_id=published.environment.id,
        packs={"triage": GENEROUS},
        since=now - timedelta(hours=1),
        until=now,
        most=10,
        actor=published.actor,
    )
    assert simulation._claim(row.pk) is not None
    assert simulation._claim(row.pk) is None
    with clock.frozen(now + simulation.LEASE * 2):
        assert simulation.overdue() == 1
        assert simulation._claim(row.pk) is not None


def test_only_authors_simulate_and_strangers_see_nothing(
    published: SimpleNamespace, actor_of: Callable[..., Any], world: SimpleNamespace
) -> None:
    now = clock.now()
    wanted = {"packs": {"triage": GENEROUS}, "since": now - timedelta(hours=1), "until": now, "most": 10}
    with pytest.raises(PermissionMissing):
        simulation.request(
            environment_id=published.environment.id, actor=actor_of(published.bob, published.tenant), **wanted
        )
    row = simulation.request(environment_id=published.environment.id, actor=published.actor, **wanted)
    with pytest.raises(NotFound):
        access.simulation(actor_of(world.charlie, published.tenant), row.pk)
    assert payloads.get_json(row.candidate_digest).keys() == {"triage"}
