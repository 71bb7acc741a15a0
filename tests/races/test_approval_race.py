"""Fifty clicks at one request: one decision, one use."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction

from approvals import ports, services
from approvals.errors import AlreadyDecided, ApprovalUnusable
from approvals.models import ApprovalRequest, Vote
from approvals.types import Channel, State, Tier, Verdict
from controlplane.lib import ids
from controlplane.lib.registry import Port
from tenants import scope
from tenants.actors import Actor
from tests.integration.approvals.conftest import ACTION, DISPLAY
from tests.races.threads import at_once

pytestmark = pytest.mark.races


@pytest.fixture
def asked(committed_db: str, world: Any, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, list[State]]:
    """A committed request in tenant A and what its run is told."""
    told: list[State] = []
    port: Port[ports.Decided] = Port("approvals.decided")
    port.bind(lambda *, run_id, call_id, request_id, state: told.append(state))
    monkeypatch.setattr(ports, "decided", port)
    with scope.enter(world.a.tenant.id), transaction.atomic():
        request = services.open_request(
            call_id=ids.uuid7(),
            run_id=ids.uuid7(),
            workspace_id=world.a.workspace.id,
            action_digest=ACTION,
            display=DISPLAY,
            tier=Tier.STANDARD,
            requester_id=ids.uuid7(),
            run_starter_id=world.a.dana.id,
            agent_owner_id=None,
            ticket=None,
            expires_in_s=600,
            policy_revision="triage@7",
            reasons=[],
            actor=Actor.system(world.a.tenant.id, "gateway"),
        )
    return request, told


def vote(request: Any, actor: Actor) -> bool:
    with scope.enter(actor.tenant_id):
        try:
            services.cast_vote(
                request_id=request.pk,
                actor=actor,
                verdict=Verdict.APPROVE,
                reason="",
                channel=Channel.SLACK,
                seen_digest=request.display_digest,
            )
        except AlreadyDecided:
            return False
        return True


def test_fifty_clicks_are_one_vote_and_one_decision(asked: Any, world: Any, actor_of: Callable[..., Any]) -> None:
    request, told = asked
    bob = actor_of(world.a.bob, world.a.tenant)
    assert sum(at_once(lambda: vote(request, bob))) == 1
    with scope.enter(world.a.tenant.id), transaction.atomic():
        assert Vote.objects.count() == 1
    assert told == [State.APPROVED]


def test_fifty_dispatches_use_an_approval_once(asked: Any, world: Any, actor_of: Callable[..., Any]) -> None:
    request, _ = asked
    vote(request, actor_of(world.a.bob, world.a.tenant))
    gateway = Actor.system(world.a.tenant.id, "gateway")

    def use() -> bool:
        with scope.enter(world.a.tenant.id):
            try:
                with transaction.atomic():
                    services.consume(
                        request_id=request.pk, call_id=request.call_id, action_digest=ACTION, actor=gateway
                    )
            except ApprovalUnusable:
                return False
            return True

    assert sum(at_once(use)) == 1
    with scope.enter(world.a.tenant.id), transaction.atomic():
        assert ApprovalRequest.objects.get().state == State.CONSUMED
