"""The packs that ship with Interlock, decided by the real engine: one table."""

import copy
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from policies import authoring, contract, packs
from policies.engine.embedded import EmbeddedPoint
from policies.engine.protocol import Program
from policies.types import Verdict
from tests.policy_questions import DIGEST, question

SIDE = SimpleNamespace(tenant=SimpleNamespace(id="t"), workspace=SimpleNamespace(id="w"))
TEAM = "C0TEAM0001"
STANDING = {"revision": "r", "seq": 1, "issued_ns": 0, "not_after_ns": 1 << 62}
SOURCES = {"triage": packs.triage(channels=[TEAM])}
CARD = {"channel": "C0CARDS001", "text": "Approval needed", "blocks": [{"type": "header"}]}
ONLY_US = Program("platform", packs.platform_modules(), {"interlock": {"config": {}, "bundle": STANDING}})
TRIAGE = Program("triage", authoring.modules(SOURCES), {"interlock": {**authoring.data(SOURCES), "bundle": STANDING}})


@pytest.fixture(scope="module")
def point() -> Iterator[EmbeddedPoint]:
    made = EmbeddedPoint(deadline_s=5, confined_only=False)
    yield made
    made.close()


def document(tool: str = "servicenow.incident.update", args: Any = None, **changes: Any) -> dict[str, Any]:
    asked = question(SIDE, tool=tool)
    if args is not None:
        asked["resource"]["args"] = args
    for path, value in changes.items():
        holder, _, name = path.rpartition("__")
        (asked[holder] if holder else asked)[name] = copy.deepcopy(value)
    return asked


def yes(*people: str, tier: str = "standard", digest: str = DIGEST) -> list[dict[str, Any]]:
    given = {"request_id": "r", "action_digest": digest, "approvers": list(people), "tier": tier}
    return [{**given, "decided_at_ns": 1}]


def decided(point: EmbeddedPoint, program: Program, asked: dict[str, Any]) -> Verdict:
    contract.check_input(asked)
    answer = point.evaluate(program, asked)
    return contract.read_decision(answer, request_id=asked["request_id"], revision="r", seq=1)


def write(fields: dict[str, str], **changes: Any) -> dict[str, Any]:
    return document(args={"sys_id": "0" * 32, "fields": fields, "work_note": "n"}, **changes)


URGENT = {"impact": "1", "urgency": "1"}
UNDO = {"action": "tool.compensate", "context__lane": "compensation"}
RESTORE = {"sys_id": "0" * 32, "fields": {"impact": {"before": "3", "written": "1"}}, "corrects": "x", "reason": "y"}
SYSTEM = {"context__lane": "system", "subject__type": "system", "resource__workflow": ""}

TABLE: list[tuple[str, dict[str, Any], str, set[str]]] = [
    ("reading an incident", document("servicenow.incident.get", {"sys_id": "0"}), "ALLOW", set()),
    ("reading what may be chosen", document("servicenow.choices.get", {}), "ALLOW", set()),
    ("asking a model", document("llm.generate", {"model": "m", "prompt": "p", "input": {}}), "ALLOW", set()),
    ("a model in the undo lane", document("llm.generate", {}, context__lane="compensation"), "DENY", {"default_deny"}),
    ("a write", write({"category": "network"}), "REQUIRE_HITL", {"write_needs_approval"}),
    ("a write with approval", write({"category": "network"}, approvals=yes("bob")), "ALLOW", set()),
    (
        "another's approval",
        write({"impact": "2"}, approvals=yes("bob", digest="cd" * 32)),
        "REQUIRE_HITL",
        set(),
    ),
    ("approval by the requester", write({"impact": "2"}, approvals=yes("me"), subject__id="me"), "REQUIRE_HITL", set()),
    ("approval by the owner", write({}, approvals=yes("me"), subject__on_behalf_of="me"), "REQUIRE_HITL", set()),
    ("priority 1", write(URGENT), "REQUIRE_HITL", {"write_needs_approval"}),
    ("priority 1, one person", write(URGENT, approvals=yes("bob", tier="two_person")), "REQUIRE_HITL", set()),
    ("priority 1, weaker tier", write(URGENT, approvals=yes("bob", "carol")), "REQUIRE_HITL", set()),
    (
        "priority 1, same twice",
        write(URGENT, approvals=yes("bob", "bob", tier="two_person")),
        "REQUIRE_HITL",
        set(),
    ),
    ("priority 1, two people", write(URGENT, approvals=yes("bob", "carol", tier="two_person")), "ALLOW", set()),
    ("a stricter approval", write({"impact": "2"}, approvals=yes("bob", "carol", tier="critical")), "ALLOW", set()),
    ("a comment to the customer", write({"comments": "hi"}), "DENY", {"forbidden_field"}),
    ("the caller", write({"caller_id": "x"}, approvals=yes("bob")), "DENY", {"forbidden_field"}),
    ("the state", write({"state": "6"}), "DENY", {"forbidden_field"}),
    (
        "a foreign argument",
        document(args={"sys_id": "0", "fields": {}, "x": 1}),
        "DENY",
        {"forbidden_field"},
    ),
    ("a write in another workflow", write({"impact": "2"}, resource__workflow="other"), "DENY", {"default_deny"}),
    ("another tool", document("servicenow.incident.delete", {}), "DENY", {"default_deny"}),
    ("telling the team", document("slack.message.post", {"channel": TEAM, "text": "t"}), "ALLOW", set()),
    (
        "telling others",
        document("slack.message.post", {"channel": "C0ELSE0001", "text": "t"}),
        "DENY",
        {"default_deny"},
    ),
    ("reading what was told", document("slack.message.get", {"channel": TEAM, "ts": "1"}), "ALLOW", set()),
    ("starting triage", document(action="workflow.start", resource__type="workflow"), "ALLOW", set()),
    ("undoing the write", document("servicenow.incident.restore", RESTORE, **UNDO), "ALLOW", set()),
    ("an undo outside its lane", document("servicenow.incident.restore", RESTORE), "DENY", {"default_deny"}),
    (
        "an undo action in the forward lane",
        document("servicenow.incident.restore", RESTORE, action="tool.compensate"),
        "DENY",
        {"default_deny"},
    ),
    (
        "an undo of a foreign field",
        document("servicenow.incident.restore", {"fields": {"close_code": {}}}, **UNDO),
        "DENY",
        {"forbidden_field"},
    ),
    ("a write under the name of an undo", write({"impact": "2"}, **UNDO), "DENY", {"default_deny"}),
    ("correcting the message", document("slack.message.update", {"channel": TEAM, "ts": "1"}, **UNDO), "ALLOW", set()),
    ("an irreversible write", write({"impact": "2"}, resource__reversibility="irreversible"), "REQUIRE_HITL", set()),
    ("a card", document("slack.message.post", CARD, **SYSTEM), "ALLOW", set()),
    ("a card updated", document("slack.message.update", {**CARD, "ts": "1"}, **SYSTEM), "ALLOW", set()),
    ("a card read", document("slack.message.get", {}, **{**SYSTEM, "resource__kind": "read"}), "ALLOW", set()),
    ("a card by a person", document("slack.message.post", CARD, **{**SYSTEM, "subject__type": "human"}), "DENY", set()),
    ("a card without a card", document("slack.message.post", {"channel": "C", "text": "t"}, **SYSTEM), "DENY", set()),
    ("a card with more", document("slack.message.post", {**CARD, "as_user": True}, **SYSTEM), "DENY", set()),
    ("a write in the system lane", write({"impact": "2"}, **SYSTEM), "DENY", {"default_deny"}),
]


@pytest.mark.parametrize(("name", "asked", "effect", "codes"), TABLE, ids=[row[0] for row in TABLE])
def test_triage(point: EmbeddedPoint, name: str, asked: dict[str, Any], effect: str, codes: set[str]) -> None:
    verdict = decided(point, TRIAGE, asked)
    assert verdict.effect == effect
    assert codes <= {reason.code for reason in verdict.reasons}


def test_priority_one_asks_for_two(point: EmbeddedPoint) -> None:
    terms = decided(point, TRIAGE, write(URGENT)).obligations[0]
    assert (terms["tier"], terms["quorum"]) == ("two_person", 2)


def test_what_cannot_be_undone_is_sealed_also_after_two_said_yes(point: EmbeddedPoint) -> None:
    people = yes("bob", "carol", tier="critical")
    verdict = decided(point, TRIAGE, write({}, resource__reversibility="irreversible", approvals=people))
    assert (verdict.effect, verdict.obligations) == ("ALLOW", ({"type": "seal_before_send"},))


def test_platform_alone_grants_no_workflow_anything(point: EmbeddedPoint) -> None:
    allowed = [row[0] for row in TABLE if decided(point, ONLY_US, row[1]).effect == "ALLOW"]
    assert allowed == ["a card", "a card updated", "a card read"]


def test_a_bundle_past_its_time_denies_by_itself(point: EmbeddedPoint) -> None:
    data = {"interlock": {**authoring.data(SOURCES), "bundle": {**STANDING, "not_after_ns": 5}}}
    expired = Program("expired", TRIAGE.modules, data)
    verdict = decided(point, expired, document("servicenow.incident.get", {"sys_id": "0"}))
    assert (verdict.effect, verdict.reasons[0].code) == ("DENY", "bundle_expired")


ODD = """package interlock.packs.odd
grants contains {"rule": "odd"} if input.action == "tool.call"
"""


@pytest.mark.parametrize(
    ("finding", "effect", "code"),
    [
        ('{"effect": "PERMIT", "code": "c", "rule": "r", "message": "m"}', "DENY", "bad_finding"),
        ('{"effect": "ALLOW"}', "DENY", "bad_finding"),
        ('"anything"', "DENY", "bad_finding"),
        ('{"effect": "THROTTLE", "code": "c", "rule": "r", "message": "m", "retry_after_s": 7}', "THROTTLE", "c"),
        ('{"effect": "ROUTE", "code": "c", "rule": "r", "message": "m", "route": "other"}', "ROUTE", "c"),
    ],
)
def test_a_finding_is_in_the_contract_or_a_denial(point: EmbeddedPoint, finding: str, effect: str, code: str) -> None:
    modules = {**packs.platform_modules(), "odd.rego": f"{ODD}\nfindings contains {finding}\n"}
    verdict = decided(point, Program(f"odd {finding}", modules, ONLY_US.data), document("any.tool", {}))
    assert (verdict.effect, verdict.reasons[0].code) == (effect, code)


def test_the_strictest_finding_wins(point: EmbeddedPoint) -> None:
    findings = "\n".join(
        f'findings contains {{"effect": "{effect}", "code": "c", "rule": "r", "message": "m"}}'
        for effect in ("ROUTE", "REQUIRE_HITL", "THROTTLE", "ALLOW", "REQUIRE_STEP_UP")
    )
    modules = {**packs.platform_modules(), "odd.rego": f"{ODD}\n{findings}\n"}
    verdict = decided(point, Program("all", modules, ONLY_US.data), document("any.tool", {}))
    shown = [reason.effect for reason in verdict.reasons]
    assert shown == ["THROTTLE", "REQUIRE_STEP_UP", "REQUIRE_HITL", "ROUTE", "ALLOW"]
