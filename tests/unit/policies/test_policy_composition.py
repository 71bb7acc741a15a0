"""How `interlock.main` composes what packs contribute, in the real engine."""

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from policies import authoring, contract
from policies.engine.embedded import EmbeddedPoint
from policies.engine.protocol import PointFailure, Program
from policies.types import Asked, Effect, PackSource, Phase, Verdict
from tests.policy_questions import question
from tests.unit.policies.test_policy_contract import SIDE

HEADER = "package interlock.packs.extra\n\n"
GRANT = 'grants contains {"rule": "extra.grant"} if input.action == "tool.call"\n'


@pytest.fixture(scope="module")
def engine() -> Iterator[EmbeddedPoint]:
    point = EmbeddedPoint(deadline_s=5, confined_only=False)
    yield point
    point.close()


def program(rego: str, data: Mapping[str, Any] | None = None, not_after_ns: int = 1 << 62) -> Program:
    packs = {"extra": PackSource(HEADER + rego, data or {})}
    bundle = {"revision": "r", "seq": 3, "issued_ns": 0, "not_after_ns": not_after_ns}
    inner = {**authoring.data(packs), "bundle": bundle}
    return Program(f"{hash((rego, str(data), not_after_ns))}", authoring.modules(packs), {"interlock": inner})


def decided(engine: EmbeddedPoint, made: Program, document: dict[str, Any] | None = None) -> Verdict:
    document = document or question(SIDE)
    contract.check_input(document)
    answer = engine.evaluate(made, document)
    return contract.read_decision(
        answer, request_id=document["request_id"], revision="r", seq=3, phase=contract.phase_of(document)
    )


def finding(effect: str, more: str = "", kind: str = "findings", rule: str = "extra.rule") -> str:
    body = f'"effect": "{effect}", "code": "{effect.lower()}", "rule": "{rule}", "message": "m"{more}'
    return f"{kind} contains {{{body}}} if input.action\n"


def step() -> dict[str, Any]:
    document = question(SIDE)
    where = {"workflow": "w", "workflow_version": "1.0.0", "step": "write", "step_kind": "compute"}
    return {**document, "pep": "runtime", "action": "step.run", "resource": {"type": "step", **where}}


def after(**outcome: Any) -> dict[str, Any]:
    told = {"before": {"category": "inquiry"}, "after": {"category": "network"}, "output": {}, "told_by": "reply"}
    return {**question(SIDE), "phase": "after", "outcome": {**told, **outcome}}


@pytest.mark.parametrize(("one", "other"), list(itertools.product(Effect, Effect)))
def test_the_stricter_of_two_effects_is_the_decision(engine: EmbeddedPoint, one: Effect, other: Effect) -> None:
    both = GRANT + finding(one, ', "retry_after_s": 5, "route": "a"') + finding(other, rule="extra.other")
    verdict = decided(engine, program(both))
    order = list(Effect)
    assert verdict.effect is order[min(order.index(one), order.index(other))]
    assert {reason.effect for reason in verdict.reasons} == {one, other}
    assert verdict.reasons[0].effect is verdict.effect


@pytest.mark.parametrize("effect", [e for e in Effect if e is not Effect.DENY])
def test_what_nobody_grants_is_denied_whatever_else_is_found(engine: EmbeddedPoint, effect: Effect) -> None:
    verdict = decided(engine, program(finding(effect)))
    assert (verdict.effect, verdict.reasons[0].code) == (Effect.DENY, "default_deny")


def test_an_observed_finding_is_told_and_changes_nothing(engine: EmbeddedPoint) -> None:
    more = ', "enforcement": "observe", "obligations": [{"type": "set", "path": "a", "value": 1}], "retry_after_s": 9'
    verdict = decided(engine, program(GRANT + finding("DENY", more) + finding("THROTTLE", more, rule="extra.other")))
    assert (verdict.effect, verdict.reasons, verdict.obligations, verdict.retry_after_s) == (Effect.ALLOW, (), (), 0)
    assert [reason.code for reason in verdict.observed] == ["deny", "throttle"]


def test_beside_an_observed_finding_the_enforced_one_decides(engine: EmbeddedPoint) -> None:
    observed = finding("DENY", ', "enforcement": "observe"')
    verdict = decided(engine, program(GRANT + observed + finding("REQUIRE_HITL", rule="extra.other")))
    assert (verdict.effect, [r.code for r in verdict.observed]) == (Effect.REQUIRE_HITL, ["deny"])


@pytest.mark.parametrize(
    ("says", "is_set", "effect"),
    [
        ("", {"extra.rule": "observe"}, Effect.ALLOW),
        (', "enforcement": "observe"', {"extra.rule": "enforce"}, Effect.DENY),
        (', "enforcement": "enforce"', {"extra.rule": "observe"}, Effect.ALLOW),
        ("", {"extra.other": "observe"}, Effect.DENY),
        ("", {"extra.rule": "off"}, Effect.DENY),
        ("", {"extra.rule": None}, Effect.DENY),
        ("", {"extra.rule": False}, Effect.DENY),
        ("", ["observe"], Effect.DENY),
        ("", "observe", Effect.DENY),
    ],
)
def test_what_is_set_for_a_rule_at_publishing_comes_first(
    engine: EmbeddedPoint, says: str, is_set: Any, effect: Effect
) -> None:
    verdict = decided(engine, program(GRANT + finding("DENY", says), {"enforcement": is_set}))
    assert verdict.effect is effect
    assert len(verdict.observed) == (effect is Effect.ALLOW)


@pytest.mark.parametrize("word", ['"off"', '"OBSERVE"', "null", "false", "[]"])
def test_an_enforcement_that_there_is_not_is_a_bad_finding(engine: EmbeddedPoint, word: str) -> None:
    verdict = decided(engine, program(GRANT + finding("ALLOW", f', "enforcement": {word}')))
    assert (verdict.effect, verdict.reasons[0].code) == (Effect.DENY, "bad_finding")


EVERYTHING = {
    "enforcement": dict.fromkeys(["interlock.main", "interlock.packs.default", "interlock.packs.system"], "observe")
}


def test_an_unknown_tool_is_denied_in_every_mode(engine: EmbeddedPoint) -> None:
    known = GRANT.replace("if input", 'if input.resource.tool == "known.tool.get"\n# ')
    for data in ({}, EVERYTHING):
        verdict = decided(engine, program(known + finding("DENY", ', "enforcement": "observe"'), data))
        assert (verdict.effect, verdict.reasons[0].code) == (Effect.DENY, "default_deny")


def test_the_rules_of_the_platform_cannot_be_observed_away(engine: EmbeddedPoint) -> None:
    old = decided(engine, program(GRANT, EVERYTHING, not_after_ns=1))
    assert [reason.code for reason in old.reasons] == ["bundle_expired"]
    grave = question(SIDE, risk="critical")
    asked = decided(engine, program(GRANT, EVERYTHING), grave)
    assert (asked.effect, asked.reasons[0].code, asked.observed) == (
        Effect.REQUIRE_HITL,
        "irreversible_or_critical",
        (),
    )
    assert {"type": "seal_before_send"} in asked.obligations
    odd = decided(engine, program(GRANT + 'findings contains "nonsense"', EVERYTHING))
    assert (odd.effect, odd.reasons[0].code) == (Effect.DENY, "bad_finding")


@pytest.mark.parametrize("obligation", ['{"type": "log"}', '{"type": "cap", "path": "a", "max": "3"}', '"redact"'])
def test_an_obligation_outside_the_contract_is_no_answer(engine: EmbeddedPoint, obligation: str) -> None:
    with pytest.raises(PointFailure, match="bad_decision"):
        decided(engine, program(GRANT + finding("ALLOW", f', "obligations": [{obligation}]')))


def test_after_the_effect_only_post_rules_speak(engine: EmbeddedPoint) -> None:
    post = 'post_findings contains {"effect": "DENY", "code": "too_far", "rule": "extra.post", "message": "m",'
    post += ' "obligations": [{"type": "compensate"}]} if input.outcome.after.category == "network"\n'
    made = program(GRANT + finding("REQUIRE_HITL") + post)
    verdict = decided(engine, made, after())
    assert (verdict.effect, [r.code for r in verdict.reasons]) == (Effect.DENY, ["too_far"])
    assert verdict.obligations == ({"type": "compensate"},)
    assert decided(engine, made, after(after={"category": "inquiry"})).effect is Effect.ALLOW
    assert decided(engine, made).effect is Effect.REQUIRE_HITL


def test_what_has_happened_needs_no_grant_and_an_expired_bundle_still_denies(engine: EmbeddedPoint) -> None:
    assert decided(engine, program(""), after()).effect is Effect.ALLOW
    assert decided(engine, program("", not_after_ns=1), after()).reasons[0].code == "bundle_expired"


def test_an_answer_about_before_is_none_about_after(engine: EmbeddedPoint) -> None:
    document = question(SIDE)
    answer = engine.evaluate(program(GRANT), document)
    with pytest.raises(PointFailure, match="phase"):
        contract.read_decision(answer, request_id=document["request_id"], revision="r", seq=3, phase=Phase.AFTER)


def test_a_step_may_run_unless_a_pack_says_no(engine: EmbeddedPoint) -> None:
    assert decided(engine, program(finding("DENY")), step()).effect is Effect.ALLOW
    verdict = decided(engine, program(GRANT + finding("DENY", kind="step_findings")), step())
    assert (verdict.effect, verdict.reasons[0].rule) == (Effect.DENY, "extra.rule")
    assert decided(engine, program(GRANT + finding("DENY", kind="step_findings"))).effect is Effect.ALLOW


@pytest.mark.parametrize(
    ("rego", "asked"),
    [
        ("", []),
        (finding("DENY"), []),
        (finding("DENY", kind="post_findings"), [Asked.AFTER]),
        (finding("DENY", kind="step_findings"), [Asked.STEPS]),
        (finding("DENY", kind="step_findings") + finding("DENY", kind="post_findings"), [Asked.AFTER, Asked.STEPS]),
    ],
)
def test_a_bundle_tells_what_else_it_wants_to_be_asked_about(rego: str, asked: list[Asked]) -> None:
    assert program(rego).data["interlock"]["asked"] == asked
