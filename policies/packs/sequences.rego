# METADATA
# title: What was read before, and where it may go
# description: |
#   In every bundle. Each step of a sequence may be allowed alone; this watches what the sequence carries. Data of a class
#   above internal goes to a place that a grant clears for it, back to the record it came from, or nowhere.
#   A grant clears its action: `carries`, the classes that it may carry, and `carries_approved`, classes by the tier of
#   approval that they need. What no grant clears is denied.
package interlock.sequences

import data.interlock.lib
import data.interlock.main

expires_s := 3600

cleared contains class if {
	some grant in main.grants
	some class in grant.carries
}

cleared contains class if {
	some class, tiers in askable
	some tier in tiers
	lib.approved(tier)
}

# The tiers of approval that clear a class; a tier that does not exist clears nothing.
askable[class] contains tier if {
	some grant in main.grants
	some class, tier in grant.carries_approved
	lib.quorum[tier]
}

uncleared := lib.carried - cleared

refused := {class | some class in uncleared; not askable[class]}

findings contains {
	"effect": "DENY",
	"code": "carries_data",
	"rule": "interlock.sequences.carries",
	"message": sprintf("%s data was read before, and nothing lets this action carry it here.", [listed(refused)]),
} if {
	lib.sends
	count(refused) > 0
}

findings contains {
	"effect": "REQUIRE_HITL",
	"code": "carries_data_needs_approval",
	"rule": "interlock.sequences.carries",
	"message": sprintf("%s data was read before: a person must agree that it goes here.", [listed({class})]),
	"obligations": [lib.approval(tier, expires_s)],
} if {
	lib.sends
	some class in uncleared
	some tier in askable[class]
}

listed(classes) := concat(", ", [capital(class) | some class in sort(classes)])

capital(class) := concat("", [upper(substring(class, 0, 1)), substring(class, 1, -1)])
