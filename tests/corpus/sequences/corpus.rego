# METADATA
# title: The policy of the corpus
# description: Every tool in every workflow is allowed. Only what it may carry differs, as README.md says.
package interlock.packs.corpus

own if not input.resource.workflow in {"itsm-triage", "access-review"}

grants contains {"rule": "corpus"} if {
	own
	input.action == "tool.call"
}

grants contains {"rule": "corpus.team", "carries": ["personal"]} if {
	own
	input.resource.args.channel == "C0ITSM"
}

grants contains {"rule": "corpus.leads", "carries_approved": {"personal": "standard"}} if {
	own
	input.resource.args.channel == "C0LEADS"
}

grants contains {"rule": "corpus.model", "carries": ["personal"]} if {
	own
	input.resource.tool == "llm.generate"
}

grants contains {"rule": "corpus.tasks", "carries": ["personal"]} if {
	input.resource.workflow == "corpus-tasks"
	input.resource.tool == "servicenow.task.update"
}

undo_grants contains {"rule": "corpus.undo"} if own
