"""What was read before and where it may go: the platform's rules, decided by the real engine."""

from collections.abc import Iterator
from typing import Any

import pytest

from policies import authoring, gate
from policies.engine.embedded import EmbeddedPoint
from policies.engine.protocol import Program
from policies.types import PackSource
from tests.unit.policies.test_policy_packs import STANDING, decided, document, yes

OPEN = """\
package interlock.packs.open

grants contains {"rule": "open"}

undo_grants contains {"rule": "open"}

grants contains {"rule": "team", "carries": ["personal"]} if input.resource.args.channel == "C0TEAM"

grants contains {"rule": "leads", "carries_approved": {"personal": "two_person"}} if {
	input.resource.args.channel == "C0LEADS"
}

grants contains {"rule": "typo", "carries_approved": {"personal": "two_persons"}} if {
	input.resource.args.channel == "C0TYPO"
}

grants contains {"rule": "odd", "carries": "personal"} if input.resource.args.channel == "C0ODD"

grants contains {"rule": "null", "carries": null} if input.resource.args.channel == "C0ODD"
"""
SOURCES = {"open": PackSource(OPEN)}
PROGRAM = Program("open", authoring.modules(SOURCES), {"interlock": {**authoring.data(SOURCES), "bundle": STANDING}})
PERSONAL = {"context__carries": {"personal": ["servicenow/incident/x"]}}


@pytest.fixture(scope="module")
def point() -> Iterator[EmbeddedPoint]:
    made = EmbeddedPoint(deadline_s=5, confined_only=False)
    yield made
    made.close()


def post(channel: str = "C0ALL", **changes: Any) -> dict[str, Any]:
    args = {"channel": channel, "text": "t"}
    return document("slack.message.post", args, **{"resource__workflow": "any", **changes})


REFUSED, ASKED = ("DENY", {"carries_data"}), ("REQUIRE_HITL", {"carries_data_needs_approval"})
FREE: tuple[str, set[str]] = ("ALLOW", set())
HERE = {"resource__record": "servicenow/incident/x"}
TWO = yes("bob", "carol", tier="two_person")

TABLE: list[tuple[str, dict[str, Any], tuple[str, set[str]]]] = [
    ("nothing was read", post(), FREE),
    ("what everybody may know", post(context__carries={"internal": ["a"], "public": ["b"]}), FREE),
    ("personal data to everybody", post(**PERSONAL), REFUSED),
    ("to those who may know it", post("C0TEAM", **PERSONAL), FREE),
    ("one class of two", post("C0TEAM", context__carries={"personal": ["x"], "secret": ["x"]}), REFUSED),
    ("a class that nobody knows", post("C0TEAM", context__carries={"*": ["*"]}), REFUSED),
    ("with a yes", post("C0LEADS", **PERSONAL, approvals=TWO), FREE),
    ("before the yes", post("C0LEADS", **PERSONAL), ASKED),
    ("with half a yes", post("C0LEADS", **PERSONAL, approvals=yes("bob", tier="two_person")), ASKED),
    ("with a yes of whoever asks", post("C0LEADS", **PERSONAL, approvals=TWO, subject__id="bob"), ASKED),
    ("a yes does not clear the rest", post("C0LEADS", context__carries={"secret": ["x"]}, approvals=TWO), REFUSED),
    ("a tier that does not exist", post("C0TYPO", **PERSONAL, approvals=TWO), REFUSED),
    ("clearances that are no lists", post("C0ODD", **PERSONAL), REFUSED),
    ("back to where it was", post(**PERSONAL, **HERE), FREE),
    ("from there and elsewhere", post(context__carries={"personal": ["servicenow/incident/x", "y"]}, **HERE), REFUSED),
    ("from anywhere", post(context__carries={"personal": ["*"]}, resource__record="*x"), REFUSED),
    ("no record to go back to", post(context__carries={"personal": ["y"]}, resource__record=None), REFUSED),
    ("from nowhere at all", post(context__carries={"personal": []}, **HERE), REFUSED),
    ("an input without sources", post(context__data_classes_read=["personal"], **HERE), REFUSED),
    ("an input with some sources", post(context__data_classes_read=["x"], context__carries={"y": ["z"]}), REFUSED),
    ("reading on", document("servicenow.incident.get", {}, resource__kind="read", **PERSONAL), FREE),
    ("asking a model", document("llm.generate", {}, resource__kind="model", **PERSONAL), REFUSED),
    ("neither read nor write", post(**PERSONAL, resource__kind=None), REFUSED),
    ("undoing", post(**PERSONAL, action="tool.compensate", context__lane="compensation"), FREE),
    ("claiming to undo", post(**PERSONAL, context__lane="compensation"), REFUSED),
    ("a person in the platform's lane", post(**PERSONAL, context__lane="system"), REFUSED),
]


@pytest.mark.parametrize(("asked", "expected"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_what_may_go_where(point: EmbeddedPoint, asked: dict[str, Any], expected: tuple[str, set[str]]) -> None:
    verdict = decided(point, PROGRAM, asked)
    assert (verdict.effect, {reason.code for reason in verdict.reasons}) == expected


def test_the_platform_tells_about_a_run_that_read_a_lot(point: EmbeddedPoint) -> None:
    card = post(**PERSONAL, context__lane="system", subject__type="system")
    assert decided(point, PROGRAM, card).effect == "ALLOW"


def test_the_message_names_the_classes_and_nothing_of_the_data(point: EmbeddedPoint) -> None:
    verdict = decided(point, PROGRAM, post(context__carries={"secret": ["a/b"], "health": ["c/d"]}))
    (reason,) = verdict.reasons
    assert reason.message == "Health, Secret data was read before, and nothing lets this action carry it here."
    assert reason.rule == "interlock.sequences.carries"


def test_no_pack_takes_the_name_of_the_platforms_rules() -> None:
    assert "sequences" in gate.RESERVED
