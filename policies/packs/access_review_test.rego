package interlock.tests.access_review

import data.interlock.main

digest := "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

config := {"privileged_groups": ["admins"], "usergroups": ["S1TEAM"]}

call(tool, args) := {
	"schema": "interlock.input/1",
	"request_id": "test",
	"action": "tool.call",
	"subject": {"id": "starter", "type": "service", "roles": [], "on_behalf_of": null},
	"resource": {
		"type": "tool",
		"tool": tool,
		"kind": "write",
		"risk": "high",
		"reversibility": "compensable",
		"workflow": "access-review",
		"args": args,
	},
	"context": {"now_ns": 1, "lane": "forward"},
	"approvals": [],
	"action_digest": digest,
}

removal := call("servicenow.membership.remove", {"user": "u", "group": "readers"})

of_admins := call("servicenow.membership.remove", {"user": "u", "group": "admins"})

leaving := call("slack.usergroup.update", {"usergroup": "S1TEAM", "add": [], "remove": ["U1"]})

with_yes(document, people) := object.union(document, {"approvals": [{
	"request_id": "r",
	"action_digest": digest,
	"approvers": people,
	"tier": "standard",
	"decided_at_ns": 1,
}]})

undoing(document) := object.union(document, {"action": "tool.compensate", "context": {"lane": "compensation"}})

effect(document) := found if {
	found := main.effect with input as document with data.interlock.config.access_review as config
}

codes(document) := {reason.code | some reason in found} if {
	found := main.reasons with input as document with data.interlock.config.access_review as config
}

test_removal_asks_a_person if {
	effect(removal) == "REQUIRE_HITL"
	codes(removal) == {"removal_needs_approval"}
}

test_approved_removal_is_allowed if {
	effect(with_yes(removal, ["bob"])) == "ALLOW"
}

test_approval_by_whoever_asked_does_not_count if {
	effect(with_yes(removal, ["starter"])) == "REQUIRE_HITL"
}

test_privileged_group_is_denied_even_when_approved if {
	effect(with_yes(of_admins, ["bob", "carol"])) == "DENY"
	"privileged_group" in codes(of_admins)
}

test_privileged_group_is_not_restored_by_us_either if {
	effect(undoing(call("servicenow.membership.restore", {"user": "u", "group": "admins", "removed": "x"}))) == "DENY"
}

test_without_a_list_of_privileged_groups_nothing_is_removed if {
	found := main.effect with input as with_yes(removal, ["bob"]) with data.interlock.config.access_review as {}
	found == "DENY"
}

test_note_needs_nobody if {
	effect(call("servicenow.task.update", {"sys_id": "0", "fields": {}, "work_note": "n"})) == "ALLOW"
}

test_review_does_not_close_its_task if {
	document := call("servicenow.task.update", {"sys_id": "0", "fields": {"state": "3"}, "work_note": "n"})
	codes(document) == {"forbidden_field"}
}

test_leaving_a_usergroup_asks_a_person if {
	effect(leaving) == "REQUIRE_HITL"
	effect(with_yes(leaving, ["bob"])) == "ALLOW"
}

test_usergroup_outside_the_list_is_not_granted if {
	document := call("slack.usergroup.update", {"usergroup": "S1ELSE", "add": [], "remove": ["U1"]})
	effect(with_yes(document, ["bob"])) == "DENY"
	"default_deny" in codes(document)
}

test_nobody_is_let_in if {
	document := call("slack.usergroup.update", {"usergroup": "S1TEAM", "add": ["U2"], "remove": ["U1"]})
	"only_removals" in codes(document)
}

test_undo_is_a_lane_of_its_own if {
	restore := call("servicenow.membership.restore", {"user": "u", "group": "readers", "removed": "x"})
	effect(restore) == "DENY"
	effect(undoing(restore)) == "ALLOW"
	effect(undoing(call("servicenow.task.restore", {"sys_id": "0", "fields": {}}))) == "ALLOW"
}

test_undo_lets_people_back_and_takes_nobody_out if {
	back := call("slack.usergroup.update", {"usergroup": "S1TEAM", "add": ["U1"], "remove": []})
	effect(undoing(back)) == "ALLOW"
	effect(undoing(leaving)) == "DENY"
}

test_undo_lane_removes_nothing if {
	effect(undoing(removal)) == "DENY"
}

test_other_workflow_is_not_granted if {
	codes(object.union(removal, {"resource": {"workflow": "other"}})) == {"default_deny"}
}
