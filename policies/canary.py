"""A policy that allows what nobody can have meant is not published. Pure.

The canary is an action of a workflow and a tool that do not exist: whoever grants it grants everything.
"""

from typing import Any

WORKFLOW = "interlock-canary"
TOOL = "interlock.canary.ping"
"""What the canary of enforcement asks for once a minute (`connectors.enforcement`); granted by nobody."""

NOW_NS, LATER_NS = 1_000_000_000, 2_000_000_000
_ACTIONS = {"tool.call": "forward", "tool.compensate": "compensation", "workflow.start": "forward"}
_DIGEST = "0" * 64


def documents() -> list[dict[str, Any]]:
    """One `interlock.input/1` per action, fully approved."""
    return [_document(action, lane) for action, lane in _ACTIONS.items()]


def _document(action: str, lane: str) -> dict[str, Any]:
    approval = {"request_id": "canary", "action_digest": _DIGEST, "tier": "critical", "decided_at_ns": NOW_NS}
    return {
        "schema": "interlock.input/1",
        "request_id": "canary",
        "pep": "gateway",
        "tenant": "canary",
        "workspace": "canary",
        "environment": "prod",
        "action": action,
        "subject": {"id": "canary", "type": "human", "roles": ["admin"], "on_behalf_of": None},
        "resource": _resource("workflow" if action == "workflow.start" else "tool"),
        "context": {"now_ns": NOW_NS, "lane": lane, "attempt": 1, "writes_so_far": 0},
        "approvals": [{**approval, "approvers": ["first", "second"]}],
        "action_digest": _DIGEST,
    }


def _resource(kind: str) -> dict[str, Any]:
    return {
        "type": kind,
        "tool": "canary.nothing.do",
        "tool_version": "1.0.0",
        "connector": "canary",
        "kind": "write",
        "risk": "low",
        "reversibility": "reversible",
        "data_classes": [],
        "workflow": WORKFLOW,
        "workflow_version": "1.0.0",
        "args": {},
    }
