"""Memberships and catalogue tasks of ServiceNow on the wire, judged by the stand-in's ledger."""

from types import SimpleNamespace
from typing import Any

import pytest

from connectors import registry
from connectors.sandbox.servicenow import schema
from connectors.types import CannotTell, Done, Failed, Label, Landed, NotLanded, Unknown

GET = registry.verbs("servicenow", "servicenow.membership.get")
REMOVE: Any = registry.verbs("servicenow", "servicenow.membership.remove")
RESTORE: Any = registry.verbs("servicenow", "servicenow.membership.restore")
UPDATE_TASK: Any = registry.verbs("servicenow", "servicenow.task.update")
RESTORE_TASK: Any = registry.verbs("servicenow", "servicenow.task.restore")
GET_TASK = registry.verbs("servicenow", "servicenow.task.get")
PAIR = {
    "user": schema.stable_id("sys_user", "dave.frost"),
    "group": schema.stable_id("sys_user_group", "Payroll Readers"),
}
TABLE = "/api/now/table/sys_user_grmember"


class Group(SimpleNamespace):
    """Dave's membership of the payroll readers."""

    def observe(self) -> dict[str, Any]:
        return done(GET.do(self.caller.context(), PAIR, {})).output

    def remove(self) -> Any:
        return REMOVE.do(self.caller.context(), PAIR, self.expected)

    def restore(self) -> Any:
        return RESTORE.do(self.caller.context(), self.recipe.args, self.recipe.expected)

    def add_by_hand(self) -> None:
        self.stand_ins.ctl("add", {"table": "sys_user_grmember", "values": PAIR})

    def written(self) -> list[str]:
        return [row["kind"] for row in self.stand_ins.ledger(vendor="servicenow", origin="api")]


def done(outcome: Any) -> Done:
    assert isinstance(outcome, Done), outcome
    return outcome


@pytest.fixture
def group(stand_ins, caller) -> Group:
    made = Group(stand_ins=stand_ins, caller=caller("servicenow"))
    made.before = made.observe()
    made.expected = REMOVE.expect(PAIR, made.before)
    made.recipe = REMOVE.undo(PAIR, made.before, None)
    return made


def test_a_membership_is_read_with_the_names_of_both(group: Group) -> None:
    assert group.before["member"] is True
    named = [group.before[name] for name in ("user_name", "user_email", "group_name")]
    assert named == ["Dave Frost", "dave@acme.test", "Payroll Readers"]


def test_a_removal_deletes_one_record_and_is_told_by_name(group: Group) -> None:
    assert REMOVE.preview(PAIR, group.before).title == "Remove Dave Frost from Payroll Readers"
    assert done(group.remove()).output["removed"] == group.before["sys_id"]
    assert group.observe()["member"] is False
    assert group.written() == ["record_deleted"]


AMBIGUOUS = [("drop_after", 1), ("drop_before", 0), ("500_after", 1), ("html", 0), ("status", 0)]


@pytest.mark.parametrize(("kind", "landed"), AMBIGUOUS)
def test_a_lost_answer_to_a_removal_is_unknown_until_it_is_probed(group: Group, kind: str, landed: int) -> None:
    group.stand_ins.fault(kind, method="DELETE", path=TABLE)
    assert isinstance(group.remove(), Unknown)
    assert len(group.written()) == landed
    seen = REMOVE.probe(group.caller.context(), PAIR, group.expected)
    assert isinstance(seen, Landed if landed else NotLanded)


@pytest.mark.parametrize(("kind", "landed"), AMBIGUOUS)
def test_a_lost_answer_to_a_restore_is_unknown_until_it_is_probed(group: Group, kind: str, landed: int) -> None:
    group.remove()
    group.stand_ins.fault(kind, method="POST", path=TABLE)
    assert isinstance(group.restore(), Unknown)
    assert group.written().count("record_created") == landed
    seen = RESTORE.probe(group.caller.context(), group.recipe.args, group.recipe.expected)
    assert isinstance(seen, Landed if landed else NotLanded)


def test_a_restore_makes_the_person_a_member_again(group: Group) -> None:
    group.remove()
    outcome = done(group.restore())
    verified = RESTORE.verify(group.caller.context(), group.recipe.args, outcome.after)
    assert (verified.reads_as_written, verified.label) == (True, Label.RESTORED)
    assert group.observe()["member"] is True


def test_a_member_who_was_added_by_hand_meanwhile_is_a_conflict(group: Group) -> None:
    group.remove()
    group.add_by_hand()
    refused = group.restore()
    assert isinstance(refused, Failed)
    assert (refused.permanent, refused.code) == (True, "conflict")
    assert group.written() == ["record_deleted"]


def test_another_record_than_the_one_observed_is_not_removed(group: Group) -> None:
    group.stand_ins.ctl("remove", {"table": "sys_user_grmember", "sys_id": group.before["sys_id"]})
    group.add_by_hand()
    refused = group.remove()
    assert isinstance(refused, Failed)
    assert refused.code == "conflict"
    assert group.written() == []
    assert isinstance(REMOVE.probe(group.caller.context(), PAIR, group.expected), CannotTell)


def test_nobody_is_removed_who_is_not_a_member(group: Group) -> None:
    group.remove()
    refused = REMOVE.do(group.caller.context(), PAIR, REMOVE.expect(PAIR, group.observe()))
    assert isinstance(refused, Failed)
    assert refused.code == "nothing_to_remove"
    assert REMOVE.undo(PAIR, group.observe(), None) is None


@pytest.mark.parametrize("user", ["", "x^ORuserISNOTEMPTY", "javascript:gs.getUserID()"])
def test_what_is_no_sys_id_never_enters_a_query(group: Group, user: str) -> None:
    refused = REMOVE.do(group.caller.context(), {**PAIR, "user": user}, group.expected)
    assert isinstance(refused, Failed)
    assert refused.code == "invalid_args"
    assert group.written() == []


def test_a_note_on_a_task_is_offset_by_a_correcting_note(stand_ins, caller) -> None:
    made = stand_ins.ctl("add", {"table": "sc_task", "values": {"short_description": "Review of payroll readers"}})
    sys_id = made["record"]["sys_id"]
    context = caller("servicenow").context
    args = {"sys_id": sys_id, "fields": {}, "work_note": "Dave Frost: access revoked."}
    before = done(GET_TASK.do(context(), {"sys_id": sys_id}, {})).output
    written = done(UPDATE_TASK.do(context(), args, UPDATE_TASK.expect(args, before)))
    recipe = UPDATE_TASK.undo(args, before, written.after)
    assert recipe.tool == "servicenow.task.restore"
    undone = done(RESTORE_TASK.do(context(marker="[interlock:undo:1]"), recipe.args, recipe.expected))
    assert RESTORE_TASK.verify(context(), recipe.args, undone.after).label is Label.OFFSET
    notes = stand_ins.ctl(f"state?sys_id={sys_id}&table=sc_task", method="GET")["work_notes"]
    assert ["Correction" in note["value"] for note in notes] == [True, False]


def test_a_closed_task_is_opened_again_with_its_state(stand_ins, caller) -> None:
    values = {"short_description": "Review of payroll readers", "state": "2"}
    sys_id = stand_ins.ctl("add", {"table": "sc_task", "values": values})["record"]["sys_id"]
    context = caller("servicenow").context
    args = {"sys_id": sys_id, "fields": {"state": "3", "close_notes": "done"}, "work_note": "Closed."}
    before = done(GET_TASK.do(context(), {"sys_id": sys_id}, {})).output
    written = done(UPDATE_TASK.do(context(), args, UPDATE_TASK.expect(args, before)))
    assert written.after["active"] == "false"
    recipe = UPDATE_TASK.undo(args, before, written.after)
    undone = done(RESTORE_TASK.do(context(marker="[interlock:undo:1]"), recipe.args, recipe.expected))
    assert RESTORE_TASK.verify(context(), recipe.args, undone.after).label is Label.RESTORED
    after = done(GET_TASK.do(context(), {"sys_id": sys_id}, {})).output
    assert [after[name] for name in ("state", "active", "close_notes")] == ["2", "true", ""]
