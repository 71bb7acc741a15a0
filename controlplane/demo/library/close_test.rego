package interlock.tests.close

import data.interlock.main

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
		"workflow": "itsm-close",
		"args": {"sys_id": "0", "fields": fields, "work_note": "note"},
	},
	"context": {"now_ns": 1, "lane": "forward"},
	"approvals": [],
	"action_digest": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
}

effect(document) := found if {
	found := main.effect with input as document
}

codes(document) := {reason.code | some reason in found} if {
	found := main.reasons with input as document
}

test_closing_notes_ask_a_person if {
	effect(update({"close_notes": "done"})) == "REQUIRE_HITL"
}

test_the_state_is_denied if {
	effect(update({"state": "6", "close_notes": "done"})) == "DENY"
	"forbidden_field" in codes(update({"state": "6"}))
}

test_it_may_be_started_and_read_its_incident if {
	effect(object.union(update({}), {"action": "workflow.start", "resource": {"type": "workflow"}})) == "ALLOW"
	effect(object.union(update({}), {"resource": {"tool": "servicenow.incident.get", "kind": "read"}})) == "ALLOW"
}
