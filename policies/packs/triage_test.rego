package interlock.tests.triage

import data.interlock.main

digest := "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

update(fields) := {
	"schema": "interlock.input/1",
	"request_id": "test",
	"action": "tool.call",
	"subject": {"id": "starter", "type": "service", "roles": [], "on_behalf_of": null},
	"resource": {
		"type": "tool",
		"tool": "servicenow.incident.update",
		"kind": "write",
		"risk": "medium",
		"reversibility": "compensable",
		"workflow": "itsm-triage",
		"args": {"sys_id": "0", "fields": fields, "work_note": "note"},
	},
	"context": {"now_ns": 1, "lane": "forward"},
	"approvals": [],
	"action_digest": digest,
}

with_approvals(document, approvals) := object.union(document, {"approvals": approvals})

of_tool(tool, args) := object.union(
	object.remove(update({}), ["resource"]),
	{"resource": object.union(
		object.remove(update({}).resource, ["args"]),
		{"tool": tool, "args": args},
	)},
)

yes(people, tier, bound) := [{"request_id": "r", "action_digest": bound, "approvers": people, "tier": tier, "decided_at_ns": 1}]

effect(document) := found if {
	found := main.effect with input as document
}

codes(document) := {reason.code | some reason in found} if {
	found := main.reasons with input as document
}

plain := {"category": "network", "impact": "2"}

urgent := {"impact": "1", "urgency": "1"}

test_write_asks_one_person if {
	effect(update(plain)) == "REQUIRE_HITL"
}

test_write_with_approval_is_allowed if {
	effect(with_approvals(update(plain), yes(["bob"], "standard", digest))) == "ALLOW"
}

test_approval_of_another_action_does_not_count if {
	effect(with_approvals(update(plain), yes(["bob"], "standard", "other"))) == "REQUIRE_HITL"
}

test_approval_by_whoever_asked_does_not_count if {
	effect(with_approvals(update(plain), yes(["starter"], "standard", digest))) == "REQUIRE_HITL"
}

test_priority_one_needs_two_people if {
	effect(with_approvals(update(urgent), yes(["bob"], "standard", digest))) == "REQUIRE_HITL"
	effect(with_approvals(update(urgent), yes(["bob"], "two_person", digest))) == "REQUIRE_HITL"
	effect(with_approvals(update(urgent), yes(["bob", "carol"], "two_person", digest))) == "ALLOW"
}

test_field_outside_the_list_is_denied_even_when_approved if {
	document := with_approvals(update({"state": "6"}), yes(["bob"], "standard", digest))
	effect(document) == "DENY"
	"forbidden_field" in codes(document)
}

test_customer_visible_comment_is_denied if {
	"forbidden_field" in codes(update({"comments": "hello"}))
}

test_other_workflow_is_not_granted if {
	document := object.union(update(plain), {"resource": {"workflow": "other"}})
	effect(document) == "DENY"
	codes(document) == {"default_deny"}
}

test_the_choices_of_the_day_may_be_read if {
	effect(of_tool("servicenow.choices.get", {})) == "ALLOW"
}

test_message_to_the_team_is_allowed if {
	document := of_tool("slack.message.post", {"channel": "C1TEAM", "text": "hi"})
	effect(document) == "ALLOW" with data.interlock.config.triage.channels as ["C1TEAM"]
}

test_message_to_another_channel_is_not_granted if {
	document := of_tool("slack.message.post", {"channel": "C1ELSE", "text": "hi"})
	codes(document) == {"default_deny"} with data.interlock.config.triage.channels as ["C1TEAM"]
}

test_undo_is_a_lane_of_its_own if {
	forward := of_tool("servicenow.incident.restore", {"sys_id": "0", "fields": {"impact": {}}})
	effect(forward) == "DENY"
	undo := object.union(forward, {"action": "tool.compensate", "context": {"lane": "compensation"}})
	effect(undo) == "ALLOW"
}

test_undo_puts_back_what_business_rules_changed_and_nothing_else if {
	compensation := {"action": "tool.compensate", "context": {"lane": "compensation"}}
	reassigned := of_tool("servicenow.incident.restore", {"sys_id": "0", "fields": {"assigned_to": {}}})
	effect(object.union(reassigned, compensation)) == "ALLOW"
	closed := of_tool("servicenow.incident.restore", {"sys_id": "0", "fields": {"close_code": {}}})
	effect(object.union(closed, compensation)) == "DENY"
}

test_reading_what_may_be_chosen_is_allowed if {
	effect(of_tool("servicenow.choices.get", {})) == "ALLOW"
}

test_triage_may_be_started if {
	effect(object.union(update({}), {"action": "workflow.start", "resource": {"type": "workflow"}})) == "ALLOW"
}

test_a_model_is_asked_in_the_forward_lane_only if {
	effect(of_tool("llm.generate", {})) == "ALLOW"
	effect(object.union(of_tool("llm.generate", {}), {"context": {"lane": "compensation"}})) == "DENY"
}

test_a_message_to_the_team_is_read_back_and_taken_back if {
	sent := of_tool("slack.message.get", {"channel": "C1TEAM"})
	effect(sent) == "ALLOW" with data.interlock.config.triage.channels as ["C1TEAM"]
	compensation := {"action": "tool.compensate", "context": {"lane": "compensation"}}
	undo := object.union(of_tool("slack.message.update", {"channel": "C1TEAM"}), compensation)
	effect(undo) == "ALLOW" with data.interlock.config.triage.channels as ["C1TEAM"]
}
