"""User groups of Slack on the wire, judged by the stand-in's ledger."""

from types import SimpleNamespace
from typing import Any

import pytest

from connectors import registry
from connectors.types import CannotTell, Done, Failed, Label, Landed, NotLanded, Unknown

GET = registry.verbs("slack", "slack.usergroup.get")
FIND = registry.verbs("slack", "slack.user.find")
UPDATE: Any = registry.verbs("slack", "slack.usergroup.update")
ARGS = {"usergroup": "S0PAYROLL", "add": [], "remove": ["U0DAVE"]}


class Group(SimpleNamespace):
    def observe(self) -> dict[str, Any]:
        return done(GET.do(self.caller.context(), {"usergroup": "S0PAYROLL"}, {})).output

    def remove(self) -> Any:
        return UPDATE.do(self.caller.context(), ARGS, self.expected)

    def undo(self) -> Any:
        return UPDATE.do(self.caller.context(), self.recipe.args, self.recipe.expected)

    def by_hand(self, *users: str) -> None:
        self.stand_ins.ctl("slack/usergroup", {"usergroup": "S0PAYROLL", "users": users})

    def written(self) -> list[list[str]]:
        rows = self.stand_ins.ledger(vendor="slack", kind="usergroup_updated", origin="api")
        return [row["after"] for row in rows]


def done(outcome: Any) -> Done:
    assert isinstance(outcome, Done), outcome
    return outcome


@pytest.fixture
def group(stand_ins, caller) -> Group:
    made = Group(stand_ins=stand_ins, caller=caller("slack"))
    made.before = made.observe()
    made.expected = UPDATE.expect(ARGS, made.before)
    made.recipe = UPDATE.undo(ARGS, made.before, None)
    return made


def test_a_person_is_found_by_mail_address_and_a_stranger_is_not(caller) -> None:
    context = caller("slack").context
    assert done(FIND.do(context(), {"email": "dave@acme.test"}, {})).output["id"] == "U0DAVE"
    nobody = FIND.do(context(), {"email": "nobody@acme.test"}, {})
    foreign = FIND.do(context(), {"email": "stranger@elsewhere.test"}, {})
    assert isinstance(nobody, Failed)
    assert isinstance(foreign, Failed)
    assert (nobody.code, foreign.code) == ("slack_users_not_found", "slack_not_a_person")


def test_one_goes_and_the_others_stay(group: Group) -> None:
    outcome = done(group.remove())
    assert outcome.output["users"] == ["U0CAROL"]
    assert group.written() == [["U0CAROL"]]


AMBIGUOUS = [("drop_after", 1), ("drop_before", 0), ("500_after", 1), ("truncate", 1), ("html", 0), ("status", 0)]


@pytest.mark.parametrize(("kind", "landed"), AMBIGUOUS)
def test_a_lost_answer_is_unknown_until_it_is_probed(group: Group, kind: str, landed: int) -> None:
    group.stand_ins.fault(kind, path="usergroups.users.update")
    assert isinstance(group.remove(), Unknown)
    assert len(group.written()) == landed
    seen = UPDATE.probe(group.caller.context(), ARGS, group.expected)
    assert isinstance(seen, Landed if landed else NotLanded)
    assert len(group.stand_ins.log("usergroups.users.update")) == 1


def test_who_came_meanwhile_stays_when_the_change_is_undone(group: Group) -> None:
    group.remove()
    group.by_hand("U0CAROL", "U0ALICE")
    outcome = done(group.undo())
    assert outcome.output["users"] == ["U0ALICE", "U0CAROL", "U0DAVE"]
    assert UPDATE.verify(group.caller.context(), group.recipe.args, outcome.after).label is Label.RESTORED


def test_a_member_who_was_added_by_hand_meanwhile_is_a_conflict(group: Group) -> None:
    group.remove()
    group.by_hand("U0CAROL", "U0DAVE")
    refused = group.undo()
    assert isinstance(refused, Failed)
    assert (refused.permanent, refused.code) == (True, "conflict")
    assert len(group.written()) == 1


def test_who_left_before_the_change_was_sent_is_a_conflict(group: Group) -> None:
    group.by_hand("U0CAROL")
    refused = group.remove()
    assert isinstance(refused, Failed)
    assert refused.code == "conflict"
    assert group.written() == []


def test_half_of_a_change_cannot_be_told(group: Group) -> None:
    both = {**ARGS, "remove": ["U0DAVE", "U0CAROL"]}
    expected = UPDATE.expect(both, group.before)
    group.by_hand("U0CAROL")
    assert isinstance(UPDATE.probe(group.caller.context(), both, expected), CannotTell)


def test_the_last_member_cannot_be_removed(group: Group) -> None:
    both = {**ARGS, "remove": ["U0DAVE", "U0CAROL"]}
    refused = UPDATE.do(group.caller.context(), both, UPDATE.expect(both, group.before))
    assert isinstance(refused, Failed)
    assert (refused.permanent, refused.code) == (True, "slack_no_users_provided")
    assert group.written() == []


def test_a_group_that_is_gone_is_a_refusal(group: Group) -> None:
    refused = UPDATE.do(group.caller.context(), {**ARGS, "usergroup": "S0NOWHERE"}, group.expected)
    assert isinstance(refused, Failed)
    assert refused.code == "slack_no_such_subteam"


def test_the_preview_counts_who_stays(group: Group) -> None:
    preview = UPDATE.preview(ARGS, group.before)
    assert (preview.title, preview.unchanged) == ("Change who is in @payroll-readers", 1)
    assert [(line.before, line.after) for line in preview.changes] == [("in the group", "not in the group")]
