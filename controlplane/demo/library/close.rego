# METADATA
# title: Closing incidents
# description: |
#   The workflow itsm-close may read an incident and write its closing notes. The state of an incident is changed by
#   people only: a call that carries another field than those of `writable` is denied.
package interlock.packs.close

import data.interlock.lib

name := "itsm-close"

writable := {"close_code", "close_notes"}

grants contains {"rule": "interlock.packs.close.start"} if {
	input.action == "workflow.start"
	input.resource.workflow == name
}

grants contains {"rule": "interlock.packs.close.read"} if {
	calling
	input.resource.tool == "servicenow.incident.get"
}

grants contains {"rule": "interlock.packs.close.write"} if {
	calling
	input.resource.tool == "servicenow.incident.update"
}

findings contains {
	"effect": "DENY",
	"code": "forbidden_field",
	"rule": "interlock.packs.close.write",
	"message": sprintf("Closing may not write %s.", [concat(", ", sort(foreign_fields))]),
} if {
	calling
	count(foreign_fields) > 0
}

findings contains {
	"effect": "REQUIRE_HITL",
	"code": "write_needs_approval",
	"rule": "interlock.packs.close.write",
	"message": "A person must approve what is written to the incident.",
	"obligations": [lib.approval("standard", 3600)],
} if {
	calling
	input.resource.tool == "servicenow.incident.update"
	not lib.approved("standard")
}

calling if {
	input.action == "tool.call"
	lib.in_workflow(name)
}

foreign_fields contains field if {
	input.resource.tool == "servicenow.incident.update"
	some field, _ in input.resource.args.fields
	not field in writable
}
