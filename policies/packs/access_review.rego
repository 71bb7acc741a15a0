# METADATA
# title: Access review
# description: |
#   Carry out what a reviewer decided about one membership: remove it after a person said yes, note it on the review
#   task, take the person out of the Slack user group. Never for a privileged group.
#   Configuration (`data.interlock.config.access_review`): `privileged_groups`, sys_ids of ServiceNow groups that no
#   automation touches; `usergroups`, the Slack user groups that it may change.
package interlock.packs.access_review

import data.interlock.config.access_review as config
import data.interlock.lib

name := "access-review"

approval_expires_s := 3600

reads := {"servicenow.task.get", "servicenow.membership.get", "slack.user.find"}

removals := {"servicenow.membership.remove", "slack.usergroup.update"}

membership_tools := {"servicenow.membership.remove", "servicenow.membership.restore"}

grants contains {"rule": "interlock.packs.access_review.start"} if {
	input.action == "workflow.start"
	input.resource.workflow == name
}

grants contains {"rule": "interlock.packs.access_review.read"} if {
	calling
	input.resource.tool in reads
}

grants contains {"rule": "interlock.packs.access_review.read_usergroup"} if {
	calling
	input.resource.tool == "slack.usergroup.get"
	input.resource.args.usergroup in config.usergroups
}

# A review is about people: what it writes names the one whose access was decided about, and nothing else is cleared.
grants contains {"rule": "interlock.packs.access_review.remove", "carries": ["personal"]} if {
	forward
	input.resource.tool == "servicenow.membership.remove"
}

grants contains {"rule": "interlock.packs.access_review.note", "carries": ["personal"]} if {
	forward
	input.resource.tool == "servicenow.task.update"
}

grants contains {"rule": "interlock.packs.access_review.leave_usergroup", "carries": ["personal"]} if {
	forward
	input.resource.tool == "slack.usergroup.update"
	input.resource.args.usergroup in config.usergroups
}

# The risk is high; the reviewer who decided is the other of the two people.
findings contains {
	"effect": "REQUIRE_HITL",
	"code": "removal_needs_approval",
	"rule": "interlock.packs.access_review.remove",
	"message": "A person must approve that somebody loses access.",
	"obligations": [lib.approval_by("standard", 1, approval_expires_s)],
} if {
	forward
	input.resource.tool in removals
	not lib.approved_by("standard", 1)
}

findings contains privileged_group if {
	calling
	touches_privileged
}

# Without its configuration the pack cannot tell which groups are privileged, so it lets nothing be removed.
findings contains privileged_group if {
	calling
	input.resource.tool in membership_tools
	not config.privileged_groups
}

findings contains {
	"effect": "DENY",
	"code": "only_removals",
	"rule": "interlock.packs.access_review.leave_usergroup",
	"message": "A review takes one person out of a user group and lets nobody in.",
} if {
	forward
	input.resource.tool == "slack.usergroup.update"
	not one_leaves
}

findings contains {
	"effect": "DENY",
	"code": "forbidden_field",
	"rule": "interlock.packs.access_review.note",
	"message": "A review only adds a note to its task.",
} if {
	forward
	input.resource.tool == "servicenow.task.update"
	input.resource.args.fields != {}
}

undo_grants contains {"rule": "interlock.packs.access_review.undo_removal"} if {
	lib.in_workflow(name)
	input.resource.tool == "servicenow.membership.restore"
}

undo_grants contains {"rule": "interlock.packs.access_review.undo_note"} if {
	lib.in_workflow(name)
	input.resource.tool == "servicenow.task.restore"
}

undo_grants contains {"rule": "interlock.packs.access_review.undo_usergroup"} if {
	lib.in_workflow(name)
	input.resource.tool == "slack.usergroup.update"
	input.resource.args.usergroup in config.usergroups
}

undo_findings contains privileged_group if {
	lib.in_workflow(name)
	touches_privileged
}

undo_findings contains {
	"effect": "DENY",
	"code": "only_back",
	"rule": "interlock.packs.access_review.undo_usergroup",
	"message": "Undoing a review lets people back in and takes nobody out.",
} if {
	lib.in_workflow(name)
	input.resource.tool == "slack.usergroup.update"
	input.resource.args.remove != []
}

privileged_group := {
	"effect": "DENY",
	"code": "privileged_group",
	"rule": "interlock.packs.access_review.privileged",
	"message": "Who is in a privileged group is decided and changed by people only.",
}

touches_privileged if {
	input.resource.tool in membership_tools
	input.resource.args.group in config.privileged_groups
}

one_leaves if {
	count(input.resource.args.remove) == 1
	input.resource.args.add == []
}

forward if {
	calling
	input.context.lane == "forward"
}

calling if {
	input.action == "tool.call"
	lib.in_workflow(name)
}
