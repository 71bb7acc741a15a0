"""What may be asked and what may be answered; everything else is refused."""

from types import SimpleNamespace
from typing import Any

import pytest

from policies import contract
from policies.contract import BadInput
from policies.engine.protocol import PointFailure
from policies.types import Effect
from tests.policy_questions import question

SIDE = SimpleNamespace(tenant=SimpleNamespace(id="t"), workspace=SimpleNamespace(id="w"))


def changed(path: str, value: Any) -> dict[str, Any]:
    document = question(SIDE)
    *parents, last = path.split(".")
    holder = document
    for parent in parents:
        holder = holder[parent]
    if value is ...:
        del holder[last]
    else:
        holder[last] = value
    return document


def test_the_question_of_the_gateway_is_sound() -> None:
    contract.check_input(question(SIDE))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("schema", "interlock.input/2"),
        ("action", "tool.anything"),
        ("extra", 1),
        ("resource.extra", 1),
        ("resource.args", ...),
        ("resource.args", []),
        ("resource.tool", ...),
        ("resource.type", "workflow"),
        ("context.now_ns", ...),
        ("context.now_ns", None),
        ("context.now_ns", "1"),
        ("context.now_ns", True),
        ("context.lane", "fast"),
        ("subject.type", "root"),
        ("subject.id", ""),
        ("action_digest", ""),
        ("action_digest", "AB" * 32),
        ("approvals", {}),
        ("phase", "during"),
        ("phase", "after"),
        ("outcome", {"before": None, "after": None, "output": {}, "told_by": "reply"}),
        ("action", "step.run"),
        ("approvals", [{"action_digest": "ab" * 32}]),
    ],
)
def test_a_question_outside_the_schema_is_refused(path: str, value: Any) -> None:
    with pytest.raises(BadInput):
        contract.check_input(changed(path, value))


def deep(levels: int) -> Any:
    nested: Any = 1
    for _ in range(levels):
        nested = [nested]
    return nested


@pytest.mark.parametrize("value", [0.5, float("nan"), {1, 2}, b"x", deep(40), "x" * 300_000, "\ud800"])
def test_what_has_no_exact_form_is_not_asked(value: Any) -> None:
    with pytest.raises(BadInput):
        contract.encode({"value": value})


def test_the_same_document_has_the_same_bytes() -> None:
    assert contract.encode({"b": 2**70, "a": "ü"}) == contract.encode({"a": "ü", "b": 2**70})


REASON = {"effect": "DENY", "code": "why", "rule": "r", "message": "m"}
APPROVAL = {"type": "approval", "tier": "standard", "quorum": 1, "distinct_roles": False, "expires_s": 3600}
ANSWER: dict[str, Any] = {
    "schema": "interlock.decision/1",
    "request_id": "q",
    "effect": "ALLOW",
    "reasons": [],
    "obligations": [],
    "route": [],
    "retry_after_s": 0,
    "bundle": {"revision": "r", "seq": 3},
}


def read(**changes: Any) -> Any:
    return contract.read_decision({**ANSWER, **changes}, request_id="q", revision="r", seq=3)


def test_a_sound_answer_is_read() -> None:
    verdict = read(effect="DENY", reasons=[REASON], obligations=[{"type": "cap", "path": "a.b", "max": 3}])
    assert (verdict.effect, verdict.reasons[0].code, verdict.obligations[0]["max"]) == (Effect.DENY, "why", 3)


@pytest.mark.parametrize(
    "change",
    [
        {"effect": "PERMIT"},
        {"effect": "DENY"},
        {"effect": "ALLOW", "reasons": [REASON]},
        {"effect": "REQUIRE_HITL", "reasons": [REASON]},
        {"schema": "interlock.decision/2"},
        {"request_id": "other"},
        {"bundle": {"revision": "r", "seq": 2}},
        {"bundle": {"revision": "x", "seq": 3}},
        {"extra": 1},
        {"retry_after_s": -1},
        {"retry_after_s": True},
        {"obligations": [{"type": "log"}]},
        {"obligations": [{"type": "cap", "path": "a", "max": 3, "extra": 1}]},
        {"obligations": [{"type": "cap", "path": "a.__class__()", "max": 3}]},
        {"obligations": [{"type": "approval", "tier": "standard"}]},
        {"reasons": [{**REASON, "effect": "PERMIT"}]},
        {"reasons": [{**REASON, "code": "Not a code"}]},
        {"reasons": {}},
        {"phase": "before"},
        {"phase": "after"},
        {"observed": [{"effect": "DENY"}]},
    ],
)
def test_an_answer_outside_the_contract_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(PointFailure, match="bad_decision"):
        read(**change)


@pytest.mark.parametrize(
    ("tiers", "tier", "quorum"),
    [
        (["standard"], "standard", 1),
        (["standard", "two_person"], "two_person", 2),
        (["high", "standard"], "high", 1),
        (["two_person", "high"], "critical", 2),
        (["critical", "standard"], "critical", 2),
    ],
)
def test_several_approvals_become_one_that_satisfies_each(tiers: list[str], tier: str, quorum: int) -> None:
    asked = [{**APPROVAL, "tier": t, "expires_s": 100 * (n + 1)} for n, t in enumerate(tiers)]
    *others, merged = contract.one_approval([{"type": "require_reason"}, *asked])
    assert others == [{"type": "require_reason"}]
    assert (merged["tier"], merged["quorum"], merged["expires_s"]) == (tier, quorum, 100)


def test_the_effects_stand_in_their_precedence() -> None:
    assert [e.value for e in Effect] == ["DENY", "THROTTLE", "REQUIRE_STEP_UP", "REQUIRE_HITL", "ROUTE", "ALLOW"]
