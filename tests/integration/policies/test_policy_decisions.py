"""Decisions through the real engine, and that whatever is doubtful is denied and recorded."""

import dataclasses
import os
import signal
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from controlplane.lib import clock
from evidence.models import Event
from policies import access, active, point, services
from policies.engine.protocol import PointFailure, Program
from policies.errors import DecisionStale
from policies.models import DecisionRecord, Standing
from policies.types import Decision, Effect
from tests.policy_questions import DIGEST, question

Ask = Callable[..., Decision]


def codes(decision: Decision) -> list[str]:
    return [reason.code for reason in decision.reasons]


def denied_for(decision: Decision) -> str:
    assert decision.effect is Effect.DENY
    return decision.reasons[0].code


def reading(side: SimpleNamespace) -> dict[str, Any]:
    return question(side, tool="servicenow.incident.get", kind="read", risk="low", args={"sys_id": "0" * 32})


def test_without_a_published_policy_everything_is_denied(inside: SimpleNamespace, ask: Ask) -> None:
    for document in (question(inside), reading(inside)):
        assert denied_for(ask(document)) == "bundle_missing"


def test_a_write_of_triage_asks_a_person(published: SimpleNamespace, ask: Ask) -> None:
    decision = ask()
    assert (decision.effect, codes(decision)) == (Effect.REQUIRE_HITL, ["write_needs_approval"])
    assert decision.obligations == [
        {"type": "approval", "tier": "standard", "quorum": 1, "distinct_roles": False, "expires_s": 3600}
    ]
    assert decision.seq == published.activation.seq == 1
    assert decision.bundle_sha256 == published.activation.bundle.sha256


def test_a_decision_is_recorded_with_its_input_and_its_commitment(published: SimpleNamespace, ask: Ask) -> None:
    document = reading(published)
    decision = ask(document)
    row = access.decision(published.actor, decision.id)
    assert (row.effect, row.seq, row.tool) == (Effect.ALLOW, 1, "servicenow.incident.get")
    assert access.input_of(published.actor, decision.id) == document
    assert Event.objects.filter(pk=row.evidence_id).count() == 1


def test_a_denial_is_recorded_like_any_decision(inside: SimpleNamespace, ask: Ask) -> None:
    decision = ask()
    row = DecisionRecord.objects.get(pk=decision.id)
    assert (row.effect, row.code, row.seq, row.bundle_sha256) == (Effect.DENY, "bundle_missing", 0, "")


class Silent:
    """A decision point that answers with what it is told, or fails."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer

    def evaluate(self, program: Program, document: dict[str, Any]) -> dict[str, Any]:
        if isinstance(self._answer, BaseException):
            raise self._answer
        return self._answer(program, document) if callable(self._answer) else self._answer

    def layers(self) -> Any:
        raise PointFailure("pdp_unavailable")


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (PointFailure("pdp_timeout"), "pdp_timeout"),
        (PointFailure("pdp_unavailable"), "pdp_unavailable"),
        (PointFailure("pdp_unconfined"), "pdp_unconfined"),
        (PointFailure("pdp_quarantined"), "pdp_quarantined"),
        (RuntimeError("a bug"), "pdp_error"),
        ({}, "bad_decision"),
        ({"effect": "ALLOW"}, "bad_decision"),
        (None, "bad_decision"),
    ],
)
def test_a_point_that_fails_denies(published: SimpleNamespace, ask: Ask, answer: Any, code: str) -> None:
    with point.replaced_by(Silent(answer)):
        decision = ask(reading(published))
    assert denied_for(decision) == code
    assert DecisionRecord.objects.get(pk=decision.id).effect == Effect.DENY


def test_a_killed_evaluator_does_not_cost_a_decision(published: SimpleNamespace, ask: Ask) -> None:
    assert ask(reading(published)).effect is Effect.ALLOW
    os.kill(point.current().pids()[0], signal.SIGKILL)  # type: ignore[attr-defined]
    assert ask(reading(published)).effect is Effect.ALLOW


@pytest.mark.parametrize(
    "change",
    [
        {"tenant": "another"},
        {"workspace": "another"},
        {"extra": 1},
        {"approvals": [{"made": "up"}]},
        {"resource": None},
        {"action_digest": "short"},
        {"request_id": 0.5},
    ],
)
def test_a_malformed_question_is_denied(published: SimpleNamespace, ask: Ask, change: dict[str, Any]) -> None:
    assert denied_for(ask({**reading(published), **change})) == "bad_input"


def test_an_old_question_is_denied(published: SimpleNamespace, ask: Ask) -> None:
    document = reading(published)
    document["context"]["now_ns"] -= 3_600_000_000_000
    assert denied_for(ask(document)) == "bad_input"


def test_a_question_for_another_tenants_environment_finds_no_policy(
    published: SimpleNamespace, world: SimpleNamespace, actor_of: Callable[..., Any]
) -> None:
    decision = services.decide(
        document=reading(published),
        workspace_id=published.workspace.id,
        environment_id=world.b.environment.id,
        actor=published.actor,
    )
    assert denied_for(decision) == "bundle_missing"


def test_a_policy_that_is_not_confirmed_in_time_denies(published: SimpleNamespace, ask: Ask) -> None:
    ttl = timedelta(seconds=Standing.objects.get().ttl_s)
    with clock.frozen(clock.now() + ttl):
        assert denied_for(ask(reading(published))) == "bundle_stale"


def test_a_clock_that_steps_back_denies(published: SimpleNamespace, ask: Ask) -> None:
    now = clock.now()
    with clock.frozen(now - timedelta(seconds=60)):
        assert denied_for(ask(reading(published))) == "bundle_stale"
    with clock.frozen(now + timedelta(seconds=100)):
        assert ask(reading(published)).effect is Effect.ALLOW
    with clock.frozen(now + timedelta(seconds=50)):
        assert denied_for(ask(reading(published))) == "bundle_stale"


def test_a_statement_changed_in_the_row_is_not_believed(published: SimpleNamespace, ask: Ask) -> None:
    standing = Standing.objects.get()
    head, payload, signature = standing.statement.split(".")
    for forged in (f"{head}.{payload[:-4]}AAAA.{signature}", "", "a.b.c"):
        Standing.objects.update(statement=forged)
        assert denied_for(ask(reading(published))) == "bundle_invalid"


def test_a_later_date_in_the_row_prolongs_nothing(published: SimpleNamespace, ask: Ask) -> None:
    later = clock.now() + timedelta(days=1)
    Standing.objects.update(not_after=later, refresh_at=later)
    with clock.frozen(clock.now() + timedelta(minutes=20)):
        assert denied_for(ask(reading(published))) == "bundle_stale"


def test_a_statement_of_another_environment_is_not_believed(
    published: SimpleNamespace, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    standing = Standing.objects.get()
    key = point.keyring().signing()
    honest = active.of(published.environment.id).statement
    for change in ({"environment": "other"}, {"tenant": "other"}, {"seq": 7}, {"sha256": "0" * 64}, {"revision": "x"}):
        Standing.objects.update(statement=dataclasses.replace(honest, **change).signed(key=key.private, kid=key.kid))
        assert denied_for(ask(reading(published))) == "bundle_invalid", change
    Standing.objects.update(statement=standing.statement)
    assert ask(reading(published)).effect is Effect.ALLOW


def test_an_approved_write_is_allowed_and_still_good(published: SimpleNamespace, ask: Ask) -> None:
    document = question(published)
    given = {"request_id": "r", "action_digest": DIGEST, "approvers": [str(published.bob.id)], "tier": "standard"}
    document["approvals"] = [{**given, "decided_at_ns": clock.now_ns()}]
    decision = ask(document)
    assert decision.effect is Effect.ALLOW
    services.still_good(decision.id, max_age_s=30)


def stale(decision: Decision, *, max_age_s: float = 30) -> str:
    with pytest.raises(DecisionStale) as refused:
        services.still_good(decision.id, max_age_s=max_age_s)
    return refused.value.detail


def test_a_decision_that_did_not_allow_is_never_good(published: SimpleNamespace, ask: Ask) -> None:
    assert "allows" in stale(ask())


def test_a_decision_grows_old(published: SimpleNamespace, ask: Ask) -> None:
    decision = ask(reading(published))
    with clock.frozen(clock.now() + timedelta(seconds=31)):
        assert "too old" in stale(decision)
    with clock.frozen(clock.now() - timedelta(seconds=10)):
        assert "bundle_stale" in stale(decision)


def test_a_decision_does_not_outlive_its_policy(
    published: SimpleNamespace, ask: Ask, activate: Callable[..., Any]
) -> None:
    decision = ask(reading(published))
    activate(channels=["C0OTHER001"])
    assert "another policy" in stale(decision)


def test_a_decision_outlives_a_refreshed_statement(published: SimpleNamespace, ask: Ask) -> None:
    decision = ask(reading(published))
    with clock.frozen(clock.now() + timedelta(seconds=210)):
        assert services.refresh_due() == 1
        services.still_good(decision.id, max_age_s=300)


def test_a_decision_of_another_tenant_is_none_of_ours(
    published: SimpleNamespace, ask: Ask, world: SimpleNamespace, actor_of: Callable[..., Any]
) -> None:
    decision = ask(reading(published))
    assert access.decisions_for_run(actor_of(world.charlie, world.a.tenant), decision.id) == []
    assert access.list_decisions(actor_of(world.charlie, world.a.tenant)) == []
    assert len(access.list_decisions(published.actor)) == 1
    assert access.list_decisions(published.actor, effect=Effect.DENY) == []


def test_decisions_of_a_run_stand_in_order(published: SimpleNamespace, ask: Ask) -> None:
    run_id = published.workspace.id  # any id: nothing here points at a run
    made = [ask(reading(published), run_id=run_id).id for _ in range(3)]
    assert [row.id for row in access.decisions_for_run(published.actor, run_id)] == made
