# METADATA
# title: Default pack
# description: In every bundle. Grants nothing, and holds back what cannot be undone until two people said yes.
package interlock.packs.default

import data.interlock.lib

findings contains {
	"effect": "REQUIRE_HITL",
	"code": "irreversible_or_critical",
	"rule": "interlock.packs.default",
	"message": "This cannot be undone or is critical: two people must approve it.",
	"obligations": [lib.approval("critical", 3600)],
} if {
	grave
	not lib.approved("critical")
}

findings contains {
	"effect": "ALLOW",
	"code": "sealed_before_send",
	"rule": "interlock.packs.default",
	"message": "The intent must be under a signed checkpoint before anything is sent.",
	"obligations": [{"type": "seal_before_send"}],
} if {
	grave
}

findings contains {
	"effect": "DENY",
	"code": "unknown_risk",
	"rule": "interlock.packs.default",
	"message": "The action does not say how risky or how reversible it is.",
} if {
	input.action == "tool.call"
	not risk_declared
}

grave if {
	input.action == "tool.call"
	input.resource.kind == "write"
	input.resource.reversibility == "irreversible"
}

grave if {
	input.action == "tool.call"
	input.resource.risk == "critical"
}

risk_declared if {
	input.resource.risk in {"low", "medium", "high", "critical"}
	input.resource.reversibility in {"reversible", "compensable", "irreversible", "not_applicable"}
}
