# METADATA
# title: Interlock's master decision
# description: |
#   Composes the packs. Packs contribute `grants` and `findings` (for undoing: `undo_grants` and `undo_findings`),
#   never decisions. The strictest finding wins; what nobody grants is denied.
# entrypoint: true
package interlock.main

# A finding with the effect ALLOW restricts nothing; it is how a pack attaches obligations to what is allowed.
precedence := ["DENY", "THROTTLE", "REQUIRE_STEP_UP", "REQUIRE_HITL", "ROUTE", "ALLOW"]

undoing if input.action == "tool.compensate"

grants contains grant if {
	not undoing
	some pack
	some grant in data.interlock.packs[pack].grants
}

grants contains grant if {
	undoing
	input.context.lane == "compensation"
	some pack
	some grant in data.interlock.packs[pack].undo_grants
}

contributed contains finding if {
	not undoing
	some pack
	some finding in data.interlock.packs[pack].findings
}

contributed contains finding if {
	undoing
	some pack
	some finding in data.interlock.packs[pack].undo_findings
}

findings contains finding if {
	some finding in contributed
	well_formed(finding)
}

findings contains deny("bad_finding", "a rule produced a finding outside the contract") if {
	some finding in contributed
	not well_formed(finding)
}

# An action that no rule grants is denied, not asked about: a person cannot approve what policy does not allow.
findings contains deny("default_deny", "no rule grants this action") if count(grants) == 0

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
}

default effect := "DENY"

effect := strictest[0] if count(strictest) > 0

effect := "ALLOW" if {
	count(strictest) == 0
	count(grants) > 0
}

strictest := [step |
	some step in precedence
	some finding in findings
	finding.effect == step
]

reasons := [reason |
	some step in precedence
	some reason in sort([shown |
		some finding in findings
		finding.effect == step
		shown := object.filter(finding, ["effect", "code", "rule", "message"])
	])
]

obligations contains obligation if {
	some source in findings | {grant | some grant in grants; is_object(grant)}
	some obligation in object.get(source, "obligations", [])
}

routes contains finding.route if {
	some finding in findings
	finding.effect == "ROUTE"
}

waits contains finding.retry_after_s if {
	some finding in findings
	finding.effect == "THROTTLE"
}

decision := {
	"schema": "interlock.decision/1",
	"request_id": object.get(input, "request_id", ""),
	"effect": effect,
	"reasons": reasons,
	"obligations": sort(obligations),
	"route": sort(routes),
	"retry_after_s": max(waits | {0}),
	"bundle": {"revision": data.interlock.bundle.revision, "seq": data.interlock.bundle.seq},
}
