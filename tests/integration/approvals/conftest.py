"""A request to decide: dana started the run, the triage agent asks, bob and carol may approve."""

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import transaction

from approvals import ports, services
from approvals.types import Channel, State, Tier, Verdict
from controlplane.lib import ids
from controlplane.lib.canonical import digest
from controlplane.lib.registry import Port
from tenants import scope
from tenants.actors import Actor

DISPLAY = {
    "title": "Update incident INC0010001",
    "target": "servicenow/incident/INC0010001",
    "tool": "servicenow.incident.update",
    "changes": [{"field": "category", "label": "Category", "before": "inquiry", "after": "network"}],
    "unchanged": 41,
    "reason": [{"rule": "writes_need_a_person", "message": "Writes need a person", "code": "hitl"}],
    "undo": {"summary": "Puts the category back", "recipe": {"category": "inquiry"}, "cannot": []},
    "risk": "medium",
    "data_classes": ["internal"],
    "cost_so_far_micros": 1910,
    "requested_by": "triage agent",
    "run_id": "0",
    "ticket": "INC0010001",
    "observed_at": "2026-11-21T03:00:00Z",
}
ACTION = digest({"tool": "servicenow.incident.update"})


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, State]]:
    """What the run was told, in place of the run."""
    heard: list[tuple[str, State]] = []
    port: Port[ports.Decided] = Port("approvals.decided")
    port.bind(lambda *, run_id, call_id, request_id, state: heard.append((str(request_id), state)))
    monkeypatch.setattr(ports, "decided", port)
    return heard


@pytest.fixture
def desk(world: Any, actor_of: Callable[..., Any], told: list[Any]) -> Iterator[SimpleNamespace]:
    """Inside the scope of tenant A, with verbs in short: ask, yes, no, use."""
    a = world.a
    people = {name: actor_of(getattr(a, name), a.tenant) for name in ("alice", "bob", "carol", "dana")}
    gateway = Actor.system(a.tenant.id, "gateway")

    def ask(**changes: Any) -> Any:
        asked = {
            "call_id": ids.uuid7(),
            "run_id": ids.uuid7(),
            "workspace_id": a.workspace.id,
            "action_digest": ACTION,
            "display": DISPLAY,
            "tier": Tier.STANDARD,
            "requester_id": ids.uuid7(),
            "run_starter_id": a.dana.id,
            "agent_owner_id": a.alice.id,
            "ticket": "INC0010001",
            "expires_in_s": 600,
            "policy_revision": "triage@7",
            "reasons": DISPLAY["reason"],
            "actor": gateway,
        }
        with transaction.atomic():
            return services.open_request(**{**asked, **changes})

    def vote(request: Any, actor: Actor, verdict: Verdict, **changes: Any) -> Any:
        ballot = {"reason": "", "channel": Channel.CONSOLE, "seen_digest": request.display_digest}
        return services.cast_vote(request_id=request.pk, actor=actor, verdict=verdict, **{**ballot, **changes})

    def use(request: Any, **changes: Any) -> None:
        wanted = {"request_id": request.pk, "call_id": request.call_id, "action_digest": request.action_digest}
        with transaction.atomic():
            services.consume(**{**wanted, **changes}, actor=gateway)

    with scope.enter(a.tenant.id):
        yield SimpleNamespace(
            **people,
            world=world,
            gateway=gateway,
            told=told,
            ask=ask,
            yes=lambda request, actor, **changes: vote(request, actor, Verdict.APPROVE, **changes),
            no=lambda request, actor, **changes: vote(request, actor, Verdict.REJECT, **{"reason": "no", **changes}),
            use=use,
        )
