# METADATA
# title: ITSM triage
# description: |
#   Read an incident, let a model propose, write five fields back after a person said yes, tell the team.
#   Configuration (`data.interlock.config.triage`): `channels`, the Slack channels of the team.
package interlock.packs.triage

import data.interlock.config.triage as config
import data.interlock.lib

name := "itsm-triage"

writable := {"category", "impact", "urgency", "assignment_group", "work_notes"}

# What business rules of ServiceNow change along with the fields above is put back with them.
restorable := writable | {"assigned_to", "state"}

update_args := {"sys_id", "fields", "work_note"}

approval_expires_s := 3600

grants contains {"rule": "interlock.packs.triage.start"} if {
	input.action == "workflow.start"
	input.resource.workflow == name
}

grants contains {"rule": "interlock.packs.triage.read"} if {
	calling
	input.resource.tool in {"servicenow.incident.get", "servicenow.choices.get"}
}

# The model is told what the ticket says, and that names people.
grants contains {"rule": "interlock.packs.triage.model", "carries": ["personal"]} if {
	calling
	input.resource.tool == "llm.generate"
	input.context.lane == "forward"
}

# Nothing has to be carried to write back; what else the ticket's history knows goes with the approval of the text.
grants contains {"rule": "interlock.packs.triage.write", "carries_approved": {"personal": tier}} if {
	calling
	input.resource.tool == "servicenow.incident.update"
	input.context.lane == "forward"
}

grants contains {"rule": "interlock.packs.triage.announce", "carries": ["personal"]} if {
	calling
	input.resource.tool == "slack.message.post"
	input.context.lane == "forward"
	input.resource.args.channel in config.channels
}

grants contains {"rule": "interlock.packs.triage.read_announcement"} if {
	calling
	input.resource.tool == "slack.message.get"
	input.resource.args.channel in config.channels
}

findings contains {
	"effect": "DENY",
	"code": "forbidden_field",
	"rule": "interlock.packs.triage.write",
	"message": sprintf("Triage may not write %s.", [concat(", ", sort(foreign_fields))]),
} if {
	calling
	count(foreign_fields) > 0
}

findings contains {
	"effect": "REQUIRE_HITL",
	"code": "write_needs_approval",
	"rule": "interlock.packs.triage.write",
	"message": approval_message[tier],
	"obligations": [lib.approval(tier, approval_expires_s)],
} if {
	calling
	input.resource.tool == "servicenow.incident.update"
	not lib.approved(tier)
}

undo_grants contains {"rule": "interlock.packs.triage.undo_write"} if {
	lib.in_workflow(name)
	input.resource.tool == "servicenow.incident.restore"
}

undo_grants contains {"rule": "interlock.packs.triage.undo_announcement"} if {
	lib.in_workflow(name)
	input.resource.tool == "slack.message.update"
	input.resource.args.channel in config.channels
}

undo_findings contains {
	"effect": "DENY",
	"code": "forbidden_field",
	"rule": "interlock.packs.triage.undo_write",
	"message": "Only fields that triage may write, and what changed with them, are put back.",
} if {
	lib.in_workflow(name)
	input.resource.tool == "servicenow.incident.restore"
	some field, _ in object.get(input.resource.args, "fields", {})
	not field in restorable
}

calling if {
	input.action == "tool.call"
	lib.in_workflow(name)
}

foreign_fields contains field if {
	input.resource.tool == "servicenow.incident.update"
	some field, _ in object.get(input.resource.args, "fields", {})
	not field in writable
}

foreign_fields contains argument if {
	input.resource.tool == "servicenow.incident.update"
	some argument, _ in input.resource.args
	not argument in update_args
}

approval_message := {
	"standard": "A person must approve what is written to the incident.",
	"two_person": "Priority 1: two people must approve what is written to the incident.",
}

default tier := "standard"

tier := "two_person" if {
	highest("impact")
	highest("urgency")
}

highest(field) if sprintf("%v", [input.resource.args.fields[field]]) == "1"
