"""Questions as the gateway asks them, for the tests of policy."""

import copy
from typing import Any

from controlplane.lib import clock, ids

DIGEST = "ab" * 32


def question(side: Any, **resource: Any) -> dict[str, Any]:
    """A write of triage in the tenant `side`, changed by `resource` members."""
    return {
        "schema": "interlock.input/1",
        "request_id": str(ids.uuid7()),
        "pep": "gateway",
        "tenant": str(side.tenant.id),
        "workspace": str(side.workspace.id),
        "environment": "prod",
        "action": "tool.call",
        "subject": {"id": str(ids.uuid7()), "type": "service", "roles": ["service"], "on_behalf_of": None},
        "resource": {**copy.deepcopy(_RESOURCE), **resource},
        "context": {
            "now_ns": clock.now_ns(),
            "run_id": str(ids.uuid7()),
            "attempt": 1,
            "spend": {"run_micro": 0},
            "estimate": {"cost_micro": 0},
            "writes_so_far": 0,
            "tools_used": [],
            "data_classes_read": [],
            "lane": "forward",
            "ticket": "INC0000001",
        },
        "approvals": [],
        "action_digest": DIGEST,
    }


_RESOURCE = {
    "type": "tool",
    "tool": "servicenow.incident.update",
    "tool_version": "1.0.0",
    "connector": "servicenow",
    "kind": "write",
    "risk": "medium",
    "reversibility": "compensable",
    "data_classes": ["internal"],
    "model": None,
    "provider": None,
    "workflow": "itsm-triage",
    "workflow_version": "1.0.0",
    "step": "write",
    "args": {"sys_id": "0" * 32, "fields": {"category": "network", "impact": "2"}, "work_note": "Routed."},
    "target": "incident:0",
}
