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
