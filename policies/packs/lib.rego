# METADATA
# title: What every pack may use
package interlock.lib

# How many people each tier of approval stands for, and which tiers are at least as strict.
quorum := {"standard": 1, "two_person": 2, "high": 1, "critical": 2}

as_strict := {
	"standard": {"standard", "two_person", "high", "critical"},
	"two_person": {"two_person", "critical"},
	"high": {"high", "critical"},
	"critical": {"critical"},
}

clock_skew_ns := 60000000000

# An approval counts for exactly the action it was given for, and not when it comes from whoever wants the action.
approved(tier) if {
	some approval in input.approvals
	approval.action_digest == input.action_digest
	approval.tier in as_strict[tier]
	approval.decided_at_ns <= input.context.now_ns + clock_skew_ns
	count({person | some person in approval.approvers} - interested) >= quorum[tier]
}

interested := {input.subject.id} | {owner | owner := input.subject.on_behalf_of; owner != null}

# The obligation that asks for an approval of a tier.
approval(tier, expires_s) := {
	"type": "approval",
	"tier": tier,
	"quorum": quorum[tier],
	"distinct_roles": false,
	"expires_s": expires_s,
}

in_workflow(name) if {
	input.resource.type == "tool"
	input.resource.workflow == name
}

# Data classes that any place may hold.
open_classes := {"public", "internal"}

# Data classes that this action may carry somewhere: whatever was read before in its run, by what the run is a part or
# a repetition of, or about its ticket, unless all of it came from the very record that the action is about.
carried contains class if {
	some class, places in input.context.carries
	not class in open_classes
	not only_from_here(places)
}

# An input that does not say where data came from says that it came from elsewhere.
carried contains class if {
	some class in input.context.data_classes_read
	not class in open_classes
	not input.context.carries[class]
}

only_from_here(places) if {
	is_string(input.resource.record)
	count(places) > 0
	every place in places {
		place == input.resource.record
	}
}

# Reads hand nothing on, undoing says only what its recipe says, and the platform's own messages are not about the run.
sends if {
	input.action == "tool.call"
	not reads
	not own_message
}

reads if input.resource.kind == "read"

own_message if {
	input.context.lane == "system"
	input.subject.type == "system"
}
