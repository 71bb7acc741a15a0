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

# How many people an approval takes where a rule names no number: those of its tier, and two where the risk is high.
people(tier) := max({quorum[tier], least})

default least := 1

least := 2 if input.resource.risk in {"high", "critical"}

approved(tier) if approved_by(tier, people(tier))

# The same by a number of people that the rule names itself.
approved_by(tier, number) if {
	some approval in input.approvals
	counts(approval, tier)
	count({person | some person in approval.approvers} - interested) >= max({quorum[tier], number})
}

# The same by different people, one for each of these roles (a set of six at most): Hall's theorem.
approved_in_roles(tier, roles) if {
	count(roles) in {1, 2, 3, 4, 5, 6}
	some approval in input.approvals
	counts(approval, tier)
	count({person | some person in approval.approvers} - interested) >= max({quorum[tier], count(roles)})
	every some_roles in parts(roles) {
		count({vote.person | some vote in approval.votes; some role in vote.roles; role in some_roles} - interested) >= count(some_roles)
	}
}

parts(roles) := {part |
	names := sort(roles)
	some mask in numbers.range(1, bits.lsh(1, count(names)) - 1)
	part := {name | some place, name in names; bits.and(bits.rsh(mask, place), 1) == 1}
}

# An approval counts for exactly the action it was given for, and not when it comes from whoever wants the action.
counts(approval, tier) if {
	approval.action_digest == input.action_digest
	approval.tier in as_strict[tier]
	approval.decided_at_ns <= input.context.now_ns + clock_skew_ns
}

interested := {input.subject.id} | {owner | owner := input.subject.on_behalf_of; owner != null}

# The obligation that asks for an approval of a tier; by a number of people; by different people of these roles.
approval(tier, expires_s) := approval_by(tier, people(tier), expires_s)

approval_by(tier, number, expires_s) := {
	"type": "approval",
	"tier": tier,
	"quorum": max({quorum[tier], number}),
	"distinct_roles": false,
	"expires_s": expires_s,
}

approval_in_roles(tier, roles, expires_s) := object.union(
	approval_by(tier, count(roles), expires_s),
	{"roles": sort(roles)},
)

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
