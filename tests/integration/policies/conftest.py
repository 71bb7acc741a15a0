from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from policies import packs, services
from tenants import scope
from tests import policy_ground
from tests.policy_questions import question

CHANNELS = ["C0TEAM0001"]


@pytest.fixture
def inside(world: SimpleNamespace) -> Iterator[SimpleNamespace]:
    """Tenant A, in its scope."""
    with scope.enter(world.a.tenant.id):
        yield world.a


@pytest.fixture
def activate(inside: SimpleNamespace, actor_of: Callable[..., Any]) -> Callable[..., Any]:
    """Activate the triage pack in prod of tenant A, without the checks of publishing (tested elsewhere)."""

    def make(channels: list[str] = CHANNELS, **changes: Any) -> Any:
        return policy_ground.activate_packs(
            environment_id=inside.environment.id,
            packs={"triage": packs.triage(channels=channels)},
            actor=actor_of(inside.alice, inside.tenant),
            **{"reason": "", "ttl_s": None, **changes},
        )

    return make


@pytest.fixture
def published(inside: SimpleNamespace, actor_of: Callable[..., Any], activate: Callable[..., Any]) -> SimpleNamespace:
    """Tenant A with the triage policy active in prod, and its `actor` alice."""
    inside.actor = actor_of(inside.alice, inside.tenant)
    inside.activation = activate()
    return inside


@pytest.fixture
def ask(inside: SimpleNamespace, actor_of: Callable[..., Any]) -> Callable[..., Any]:
    """Decide about a question in tenant A."""

    def decide(document: dict[str, Any] | None = None, **ids: Any) -> Any:
        return services.decide(
            document=question(inside) if document is None else document,
            workspace_id=inside.workspace.id,
            environment_id=inside.environment.id,
            actor=actor_of(inside.dana, inside.tenant),
            **ids,
        )

    return decide
