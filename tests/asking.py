"""A question to people, as the gateway would ask it, for tests of the pages that show it."""

from types import SimpleNamespace
from typing import Any

from django.db import transaction

from approvals import services
from approvals.models import ApprovalRequest
from approvals.types import Tier
from controlplane.lib import ids
from controlplane.lib.canonical import digest
from tenants import scope
from tenants.actors import Actor

HOSTILE = '<img src=x onerror="document.title=1"><b hx-get="/stolen" hx-trigger="load">hi</b> \u202eevil'

DISPLAY: dict[str, Any] = {
    "title": "Update incident INC0010001",
    "target": "servicenow/incident/INC0010001",
    "tool": "servicenow.incident.update",
    "changes": [
        {"field": "category", "label": "Category", "before": "inquiry", "after": "network"},
        {"field": "work_notes", "label": "Work note", "before": "", "after": HOSTILE},
    ],
    "unchanged": 41,
    "reason": [{"rule": "writes_need_a_person", "message": "Writes need a person", "code": "hitl"}],
    "undo": {
        "summary": "Puts the category back",
        "recipe": {"category": "inquiry"},
        "cannot": ["The work note stays; a correcting one follows it."],
    },
    "risk": "medium",
    "data_classes": ["internal"],
    "cost_so_far_micros": 1910,
    "requested_by": "triage agent",
    "run_id": "0",
    "ticket": "INC0010001",
    "observed_at": "2026-11-21T03:00:00Z",
}


def ask(world: SimpleNamespace, **changes: Any) -> ApprovalRequest:
    """In tenant A: dana started the run, alice owns the agent, so bob and carol may decide."""
    asked = {
        "call_id": ids.uuid7(),
        "run_id": ids.uuid7(),
        "workspace_id": world.a.workspace.id,
        "action_digest": digest({"tool": "servicenow.incident.update"}),
        "display": DISPLAY,
        "tier": Tier.STANDARD,
        "requester_id": ids.uuid7(),
        "run_starter_id": world.a.dana.id,
        "agent_owner_id": world.a.alice.id,
        "ticket": "INC0010001",
        "expires_in_s": 600,
        "policy_revision": "triage@7",
        "reasons": DISPLAY["reason"],
        "actor": Actor.system(world.a.tenant.id, "gateway"),
    }
    with scope.enter(world.a.tenant.id), transaction.atomic():
        return services.open_request(**{**asked, **changes})


def state_of(world: SimpleNamespace, request: ApprovalRequest) -> str:
    with scope.enter(world.a.tenant.id), transaction.atomic():
        return ApprovalRequest.objects.get(pk=request.pk).state
