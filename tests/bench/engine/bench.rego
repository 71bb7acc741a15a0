# METADATA
# title: The benchmark's workflows
# description: Both may start; one of them reads an incident and posts a message, without asking anybody.
package interlock.packs.bench

grants contains {"rule": "interlock.packs.bench.start"} if {
	input.action == "workflow.start"
	input.resource.workflow in {"bench-noop", "bench-http"}
}

grants contains {"rule": "interlock.packs.bench.call", "carries": ["personal"]} if {
	input.action == "tool.call"
	input.resource.workflow == "bench-http"
	input.resource.tool in {"servicenow.incident.get", "slack.message.post"}
}
