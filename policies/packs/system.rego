# METADATA
# title: System pack
# description: |
#   In every bundle. Grants what Interlock itself must do to ask people: post and update approval cards, answer
#   the person who clicked one, tell people what waits for them, and rehearse the kill switch. Only in the lane `system`, which no workflow can enter, only by a part of the
#   system, and only what a card or an answer consists of.
package interlock.packs.system

card_tools := {"slack.message.post", "slack.message.update"}

card_args := {"channel", "ts", "text", "blocks", "thread_ts"}

grants contains {"rule": "interlock.packs.system.card"} if {
	by_the_system
	input.resource.tool in card_tools
	object.keys(input.resource.args) - card_args == set()
	input.resource.args.blocks[0].type == "header"
}

# What a card says now is read before it is changed.
grants contains {"rule": "interlock.packs.system.read_card"} if {
	by_the_system
	input.resource.tool == "slack.message.get"
	input.resource.kind == "read"
}

# Whoever clicked a card is answered: why a click was refused, and the question for the reason of a rejection.
answer_args := {
	"slack.message.ephemeral": {"channel", "user", "text"},
	"slack.view.open": {"trigger_id", "view"},
}

grants contains {"rule": "interlock.packs.system.answer"} if {
	by_the_system
	object.keys(input.resource.args) == answer_args[input.resource.tool]
}

# One person is told: what waits for them, and the code that links their Slack user.
grants contains {"rule": "interlock.packs.system.direct"} if {
	by_the_system
	input.resource.tool == "slack.message.direct"
	object.keys(input.resource.args) == {"user", "text", "blocks"}
	input.resource.args.blocks[0].type == "header"
}

# The Slack user of a person's own e-mail address is looked up, to propose it for linking.
grants contains {"rule": "interlock.packs.system.propose"} if {
	by_the_system
	input.resource.tool == "slack.user.find"
	object.keys(input.resource.args) == {"email"}
}

# The rehearsal of the kill switch: a call to ourselves that nothing but the switch keeps from passing.
grants contains {"rule": "interlock.packs.system.drill"} if {
	by_the_system
	input.resource.tool == "interlock.drill.ping"
	input.resource.workflow == "interlock-drill"
}

by_the_system if {
	input.action == "tool.call"
	input.context.lane == "system"
	input.resource.type == "tool"
	input.subject.type == "system"
}
