# METADATA
# title: System pack
# description: |
#   In every bundle. Grants what Interlock itself must do to ask people: post and update approval cards. Only in the
#   lane `system`, which no workflow can enter, only by a part of the system, and only what a card consists of.
package interlock.packs.system

card_tools := {"slack.message.post", "slack.message.update"}

card_args := {"channel", "ts", "text", "blocks", "thread_ts"}

grants contains {"rule": "interlock.packs.system.card"} if {
	by_the_system
	input.resource.tool in card_tools
	object.keys(input.resource.args) - card_args == set()
	count(input.resource.args.blocks) > 0
}

# What a card says now is read before it is changed.
grants contains {"rule": "interlock.packs.system.read_card"} if {
	by_the_system
	input.resource.tool == "slack.message.get"
	input.resource.kind == "read"
}

by_the_system if {
	input.action == "tool.call"
	input.context.lane == "system"
	input.resource.type == "tool"
	input.subject.type == "system"
}
