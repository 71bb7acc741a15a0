# METADATA
# title: Interlock's master decision
# description: |
#   Composes the packs. Packs contribute `grants` and `findings` (for undoing `undo_grants` and `undo_findings`, for
#   starting a step `step_findings`, after an effect `post_findings`), never decisions. The strictest finding wins; what
#   nobody grants is denied. What a pack only observes is told and changes nothing.
# entrypoint: true
package interlock.main

import data.interlock.lib

# A finding with the effect ALLOW restricts nothing; it is how a pack attaches obligations to what is allowed.
precedence := ["DENY", "THROTTLE", "REQUIRE_STEP_UP", "REQUIRE_HITL", "ROUTE", "ALLOW"]

# What the platform itself says is never merely observed.
platform := {"default", "sequences", "system"}

# One question is about exactly one of these: what was done, a step, an undo, or anything else.
settled if input.phase == "after"

stepping if {
	not settled
	input.action == "step.run"
}

undoing if {
	not settled
	input.action == "tool.compensate"
}

ordinary if {
	not settled
	not stepping
	not undoing
}

grants contains grant if {
	ordinary
	some pack
	some grant in data.interlock.packs[pack].grants
}

grants contains grant if {
	undoing
	input.context.lane == "compensation"
	some pack
	some grant in data.interlock.packs[pack].undo_grants
}

# A step may run unless a pack says no: what it does to the world is decided call by call.
grants contains {"rule": "interlock.main.step"} if stepping

contributed contains [pack, finding] if {
	ordinary
	some pack
	some finding in data.interlock.packs[pack].findings
}

contributed contains [pack, finding] if {
	undoing
	some pack
	some finding in data.interlock.packs[pack].undo_findings
}

contributed contains [pack, finding] if {
	stepping
	some pack
	some finding in data.interlock.packs[pack].step_findings
}

contributed contains [pack, finding] if {
	settled
	some pack
	some finding in data.interlock.packs[pack].post_findings
}

# What data may go where is ours to watch: packs say with their grants what an action may carry.
contributed contains ["sequences", finding] if {
	ordinary
	some finding in data.interlock.sequences.findings
}

findings contains finding if {
	some [pack, finding] in contributed
	sound(pack, finding)
	not observing(pack, finding)
}

findings contains deny("bad_finding", "a rule produced a finding outside the contract") if {
	some [pack, finding] in contributed
	not sound(pack, finding)
}

# An action that no rule grants is denied, not asked about: a person cannot approve what policy does not allow. What
# has happened already needs no leave.
findings contains deny("default_deny", "no rule grants this action") if {
	not settled
	count(grants) == 0
}

# A copy of the bundle past its time denies by itself, whoever evaluates it.
findings contains deny("bundle_expired", "the policy bundle is past its expiry") if not fresh

fresh if {
	is_number(input.context.now_ns)
	input.context.now_ns < data.interlock.bundle.not_after_ns
}

deny(code, message) := {"effect": "DENY", "code": code, "rule": "interlock.main", "message": message}

well_formed(finding) if {
	finding.effect in precedence
	is_string(finding.code)
	is_string(finding.rule)
	is_string(finding.message)
	object.get(finding, "enforcement", "enforce") in {"enforce", "observe"}
}

sound(pack, finding) if {
	well_formed(finding)
	of_its_own(pack, finding.rule)
}

# No pack speaks in the name of the platform or of another pack.
of_its_own(_, rule) if not startswith(rule, "interlock.")

of_its_own(pack, _) if pack in platform

of_its_own(pack, rule) if startswith(sprintf("%s.", [rule]), sprintf("interlock.packs.%s.", [pack]))

observed contains finding if {
	some [pack, finding] in contributed
	sound(pack, finding)
	observing(pack, finding)
}

observing(pack, finding) if {
	not pack in platform
	enforcement(pack, finding) == "observe"
}

# What was set for the rule when the pack was published comes before what the rule says of itself.
enforcement(pack, finding) := set_at_publishing if {
	set_at_publishing := data.interlock.config[pack].enforcement[finding.rule]
} else := object.get(finding, "enforcement", "enforce")

default effect := "DENY"

effect := strictest[0] if count(strictest) > 0

effect := "ALLOW" if {
	count(strictest) == 0
	count(grants) > 0
}

effect := "ALLOW" if {
	count(strictest) == 0
	settled
}

strictest := [step |
	some step in precedence
	some finding in findings
	finding.effect == step
]

reasons := told(findings)

told(some_findings) := [reason |
	some step in precedence
	some reason in sort([shown |
		some finding in some_findings
		finding.effect == step
		shown := object.filter(finding, ["effect", "code", "rule", "message"])
	])
]

obligations contains complete(obligation) if {
	some source in findings | {grant | some grant in grants; is_object(grant)}
	some obligation in object.get(source, "obligations", [])
}

# An approval that names no number of people takes as many as its tier and the risk of the action say.
complete(obligation) := object.union({"quorum": lib.people(obligation.tier), "distinct_roles": false}, obligation) if {
	obligation.type == "approval"
} else := obligation

routes contains finding.route if {
	some finding in findings
	finding.effect == "ROUTE"
}

waits contains finding.retry_after_s if {
	some finding in findings
	finding.effect == "THROTTLE"
}

decision := object.union(
	{
		"schema": "interlock.decision/1",
		"request_id": object.get(input, "request_id", ""),
		"effect": effect,
		"reasons": reasons,
		"obligations": sort(obligations),
		"route": sort(routes),
		"retry_after_s": max(waits | {0}),
		"bundle": {"revision": data.interlock.bundle.revision, "seq": data.interlock.bundle.seq},
	},
	also,
)

# Members of contract 1.1, there only when they say something.
also["observed"] := told(observed) if count(observed) > 0

also["phase"] := "after" if settled
