"""The workflows that the matrix runs, and the policy that lets them.

Writes without an approval; the same with a last step that fails for good, so that all must be taken back. It fails in
an archived channel: that can still be read, so that a probe can tell that a lost post never landed.
"""

WRITES = """\
apiVersion: interlock/v1
kind: Workflow
metadata: {name: faults-writes, version: 1.0.0}
spec:
  trigger: {webhook: {connector: servicenow, event: incident.created, key: "${{ event.sys_id }}"}}
  steps:
    - {id: incident, call: servicenow.incident.get, with: {sys_id: "${{ trigger.sys_id }}"}}
    - id: write
      needs: [incident]
      call: servicenow.incident.update
      with:
        sys_id: "${{ trigger.sys_id }}"
        fields: {category: network}
        work_note: "Filed by the matrix"
      retry: {max: 20}
      timeout: 10m
    - id: announce
      needs: [write]
      call: slack.message.post
      with: {channel: "${{ trigger.channel }}", text: "${{ trigger.number }} is filed"}
      retry: {max: 20}
      timeout: 10m
"""

BACK = """\
apiVersion: interlock/v1
kind: Workflow
metadata: {name: faults-back, version: 1.0.0}
spec:
  trigger: {webhook: {connector: servicenow, event: incident.created, key: "${{ event.sys_id }}"}}
  steps:
    - id: write
      call: servicenow.incident.update
      with:
        sys_id: "${{ trigger.sys_id }}"
        fields: {category: network}
        work_note: "Filed by the matrix"
      retry: {max: 20}
      timeout: 10m
    - id: announce
      needs: [write]
      call: slack.message.post
      with: {channel: "${{ trigger.channel }}", text: "${{ trigger.number }} is filed"}
      retry: {max: 20}
      timeout: 10m
    - id: elsewhere
      needs: [announce]
      call: slack.message.post
      with: {channel: C0ARCHIVED, text: "${{ trigger.number }} goes nowhere"}
"""

SOURCES = (WRITES, BACK)

PACK = """\
package interlock.packs.faults

mine := {"faults-writes", "faults-back"}

grants contains {"rule": "faults.start"} if {
	input.action == "workflow.start"
	input.resource.workflow in mine
}

grants contains {"rule": "faults.call", "carries": ["personal"]} if {
	input.action == "tool.call"
	input.resource.type == "tool"
	input.resource.workflow in mine
}

undo_grants contains {"rule": "faults.undo"} if {
	input.resource.type == "tool"
	input.resource.workflow in mine
}
"""
