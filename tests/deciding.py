"""A policy in force and decisions under it, for tests of the pages that show them."""

from types import SimpleNamespace
from typing import Any

from policies import packs, services
from policies.models import Activation
from policies.types import Decision, PackSource
from tenants import scope
from tenants.actors import Actor
from tests import policy_ground
from tests.policy_questions import question

CHANNELS = ["C0TEAM0001"]


def person(world: SimpleNamespace, name: str) -> Actor:
    user = getattr(world.a, name)
    return Actor("human", user.id, world.a.tenant.id, user.label, "session")


def publish(world: SimpleNamespace, pack: PackSource | None = None, *, name: str = "triage") -> Activation:
    """A pack alone (triage when none is given) becomes the policy of prod in A, without the checks of publishing."""
    with scope.enter(world.a.tenant.id):
        return policy_ground.activate_packs(
            environment_id=world.a.environment.id,
            packs={name: pack or packs.triage(channels=CHANNELS)},
            actor=person(world, "alice"),
            reason="for a test",
            ttl_s=None,
        )


def decide(world: SimpleNamespace, document: dict[str, Any] | None = None, **about: Any) -> Decision:
    """A question of dana in prod of A; the write of a triage when none is given."""
    with scope.enter(world.a.tenant.id):
        return services.decide(
            document=document or question(world.a),
            workspace_id=world.a.workspace.id,
            environment_id=world.a.environment.id,
            actor=person(world, "dana"),
            **about,
        )
