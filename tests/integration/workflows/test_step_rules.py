"""The runtime's point: may this step run? Asked of the real policy, over a scripted gateway."""

from collections.abc import Sequence
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from connectors import gateway
from policies import active
from policies.models import DecisionRecord
from policies.services import decide_many
from policies.types import Asked, Decision, PackSource
from tests import gateway_ground as ground
from workflows import services
from workflows.definition.model import StepKind
from workflows.engine import Engine, kinds
from workflows.models import Step
from workflows.types import RunState

HEAD = 'package interlock.packs.extra\n\ngrants contains {"rule": "extra.start"} if input.action == "workflow.start"\n'
STEPS = """\
steps:
  - {id: sum, compute: {total: "${{ 1 + 1 }}"}}
  - {id: pause, wait: {for: 1h}, needs: [sum]}
  - id: tell
    call: slack.message.post
    with: {channel: C0ITSM, text: hi}
    needs: [sum]
  - id: each
    foreach: {items: "${{ [1, 2] }}", as: n, max: 5}
    compute: {n: "${{ n }}"}
    needs: [sum]
  - id: sub
    run: {workflow: child, version: 1.0.0}
    with: {}
    needs: [sum]
"""
ALL = {"sum", "pause", "tell", "each", "each[0]", "each[1]", "sub"}
CHILD = "steps:\n  - {id: inner, compute: {one: 1}}\n"


def rule(effect: str, when: str, more: str = "") -> str:
    body = f'"effect": "{effect}", "code": "not_here", "rule": "extra.step", "message": "Not this step."{more}'
    return f"step_findings contains {{{body}}} if {{\n\t{when}\n}}\n"


class Counted:
    """The policy, and which steps it was asked about in one question."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    def __call__(self, questions: Sequence[Any], *, actor: Any) -> list[Decision]:
        steps = [q.document["resource"]["step"] for q in questions if q.document["action"] == "step.run"]
        if steps:
            self.asked.append(sorted(steps))
        return decide_many(questions, actor=actor)


@pytest.fixture
def ruled(flow: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Flows over a scripted gateway under a policy that is asked for real."""
    flow.policy = Counted()
    flow.floor.engine = Engine(flow.door, flow.policy)
    monkeypatch.setattr(active, "_last_asked", {})

    def under(rego: str, data: dict[str, Any] | None = None) -> None:
        ground.publish(flow.floor.side, flow.floor.alice, extra=PackSource(HEAD + rego, data or {}))

    flow.under = under
    return flow


def recorded(run: Any) -> list[DecisionRecord]:
    with transaction.atomic():
        return list(DecisionRecord.objects.filter(run_id=run.pk, action="step.run"))


def begin(flow: Any) -> Any:
    flow.publish(CHILD, name="child")
    flow.publish(STEPS)
    return flow.start()


def test_without_rules_for_steps_nobody_is_asked_and_nothing_costs_more(ruled: Any) -> None:
    ruled.under("")
    with CaptureQueriesContext(connection) as without:
        run = ruled.drive(begin(ruled))
    assert (run.state, run.step_rules, recorded(run), ruled.policy.asked) == (RunState.WAITING, False, [], [])
    assert not any("step.run" in (query["sql"] or "") for query in without)


def test_every_step_is_asked_about_and_those_that_are_ready_together_in_one_question(ruled: Any) -> None:
    ruled.under(rule("DENY", "false"))
    run = ruled.drive(begin(ruled))
    assert run.step_rules is True
    assert ruled.policy.asked[:2] == [["sum"], ["pause", "tell"]]
    assert {step for steps in ruled.policy.asked for step in steps} == {*ALL, "inner"}
    assert sum(len(steps) for steps in ruled.policy.asked) <= len(ALL) + 3
    assert len(ruled.policy.asked) <= 6


def test_the_first_steps_of_a_wave_are_one_question(ruled: Any) -> None:
    ruled.under(rule("DENY", "false"))
    ruled.publish(CHILD, name="child")
    runs = [ruled.start(name="child", key=f"k{n}") for n in range(5)]
    from workflows import locks

    leases = [locks.claim(run.pk) for run in runs]
    ruled.floor.engine.begin([lease for lease in leases if lease is not None])
    assert ruled.policy.asked == [["inner"] * 5]
    assert {ruled.floor.seen(run).state for run in runs} == {RunState.SUCCEEDED}


KEY_OF = {StepKind.COMPUTE: "sum", StepKind.WAIT: "pause", StepKind.CALL: "tell", StepKind.RUN: "sub"}


@pytest.mark.parametrize("kind", list(StepKind))
def test_a_step_of_any_kind_that_policy_does_not_let_run_does_not_begin(ruled: Any, kind: StepKind) -> None:
    key = KEY_OF[kind]
    ruled.under(rule("DENY", f'input.resource.step_kind == "{kind}"\n\tinput.resource.step == "{key}"'))
    run = ruled.drive(begin(ruled))
    with transaction.atomic():
        step = Step.objects.get(run=run, key=key)
    assert (step.state, step.code, step.started_at) == ("FAILED", "policy_denied", None)
    assert "not_here: Not this step." in step.detail
    assert run.state in {RunState.REJECTED, RunState.COMPENSATING, RunState.ROLLED_BACK}
    assert (key in ruled.made("start"), bool(ruled.children(run)) and key == "sub") == (False, False)


def test_the_kinds_of_steps_are_those_that_the_runtime_asks_about() -> None:
    assert set(KEY_OF) == set(StepKind) == set(kinds._START)


@pytest.mark.parametrize(
    ("effect", "more"),
    [
        ("REQUIRE_HITL", ""),
        ("REQUIRE_STEP_UP", ""),
        ("ROUTE", ', "route": "x"'),
        ("ALLOW", ', "obligations": [{"type": "notify", "channel": "approvals"}]'),
    ],
)
def test_what_cannot_be_followed_for_a_step_is_a_no(ruled: Any, effect: str, more: str) -> None:
    ruled.under(rule(effect, 'input.resource.step == "sum"', more))
    run = ruled.drive(begin(ruled))
    assert (run.state, run.code) == (RunState.REJECTED, "policy_denied")


def test_a_step_that_is_held_back_begins_when_its_time_has_come(ruled: Any) -> None:
    ruled.under(rule("THROTTLE", 'input.resource.step == "inner"', ', "retry_after_s": 60'))
    ruled.publish(CHILD, name="child")
    run = ruled.start(name="child")
    ruled.floor.engine.wake(run.pk)
    held = ruled.floor.seen(run)
    assert (held.state, held.lease_until) == (RunState.RUNNING, None)
    assert 50 < (held.wake_at - held.started_at).total_seconds() < 70
    ruled.under(rule("THROTTLE", "false"))
    ruled.floor.engine.wake(run.pk)
    assert ruled.floor.seen(run).state == RunState.SUCCEEDED


def test_an_observed_rule_for_steps_is_told_and_holds_nobody_up(ruled: Any) -> None:
    ruled.under(rule("DENY", "input.action"), {"enforcement": {"extra.step": "observe"}})
    ruled.publish(CHILD, name="child")
    run = ruled.drive(ruled.start(name="child"))
    assert run.state == RunState.SUCCEEDED
    assert [[found["code"] for found in row.observed] for row in recorded(run)] == [["not_here"]]


def test_without_an_answer_no_step_begins(ruled: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    ruled.under(rule("DENY", "false"))
    ruled.publish(CHILD, name="child")
    run = ruled.start(name="child")
    with transaction.atomic():
        type(run).objects.filter(pk=run.pk).update(step_rules=True, state="RUNNING", tape=None)
    from policies.models import Standing

    with transaction.atomic():
        Standing.objects.update(statement="broken")
    run = ruled.drive(run)
    assert (run.state, run.code) == (RunState.REJECTED, "policy_denied")


def test_rules_that_are_published_while_a_run_is_under_way_hold_for_it_too(ruled: Any) -> None:
    ruled.under("")
    run = ruled.drive(begin(ruled))
    assert run.step_rules is False
    ruled.under(rule("DENY", "input.action"))
    with transaction.atomic():
        assert Asked.STEPS not in active.last_asked(run.environment_id)
        active.of(run.environment_id)
        assert Asked.STEPS in active.last_asked(run.environment_id)


def test_a_dry_run_tells_what_a_step_would_hear(floor: Any) -> None:
    floor.engine = Engine(gateway, decide_many)
    denied = rule("DENY", 'input.resource.tool == "servicenow.incident.update"')
    ground.publish(floor.side, floor.alice, extra=PackSource("package interlock.packs.extra\n\n" + denied))
    found = services.dry_run(
        workflow="itsm-triage",
        environment_id=floor.side.environment.id,
        trigger=floor.incident(short_description="VPN drops"),
        actor=floor.dana,
        with_model=True,
    )
    told = {scene.id: (scene.would, scene.code) for scene in found.scenes}
    assert told["write"] == ("denied", "policy_denied"), told
