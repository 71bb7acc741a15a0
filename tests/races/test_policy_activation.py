"""Activation and dispatch serialise: no dispatch commits under a policy that has already been replaced."""

import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connections, transaction

from policies import packs, services
from policies.errors import DecisionStale
from policies.models import Activation, Standing
from policies.types import Effect
from tenants import scope
from tests import policy_ground
from tests.policy_questions import question

pytestmark = pytest.mark.races
PATIENCE_S = 20


def activate(side: SimpleNamespace, actor: Any, channel: str) -> Any:
    return policy_ground.activate_packs(
        environment_id=side.environment.id,
        packs={"triage": packs.triage(channels=[channel])},
        actor=actor,
        reason="",
        ttl_s=None,
    )


def started(side: SimpleNamespace, work: Callable[[], None]) -> threading.Thread:
    def run() -> None:
        try:
            with scope.enter(side.tenant.id):
                work()
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


@pytest.fixture
def allowed(committed_db: str, world: SimpleNamespace, actor_of: Callable[..., Any]) -> SimpleNamespace:
    side = world.a
    side.actor = actor_of(side.alice, side.tenant)
    with scope.enter(side.tenant.id):
        activate(side, side.actor, "C0TEAM0001")
        side.decision = services.decide(
            document=question(side, tool="servicenow.incident.get", kind="read", args={"sys_id": "0"}),
            workspace_id=side.workspace.id,
            environment_id=side.environment.id,
            actor=side.actor,
        )
    assert side.decision.effect is Effect.ALLOW
    return side


def test_an_activation_waits_for_a_dispatch_that_relies_on_the_policy(allowed: SimpleNamespace) -> None:
    order: list[str] = []

    def replace() -> None:
        activate(allowed, allowed.actor, "C0OTHER001")
        order.append("activated")

    with scope.enter(allowed.tenant.id):
        with transaction.atomic():
            services.still_good(allowed.decision.id, max_age_s=60)
            thread = started(allowed, replace)
            thread.join(1)
            assert thread.is_alive()
            order.append("dispatched")
        thread.join(PATIENCE_S)
        assert order == ["dispatched", "activated"]
        with transaction.atomic(), pytest.raises(DecisionStale):
            services.still_good(allowed.decision.id, max_age_s=60)


def test_dispatches_do_not_wait_for_each_other(allowed: SimpleNamespace) -> None:
    done = threading.Event()

    def dispatch() -> None:
        with transaction.atomic():
            services.still_good(allowed.decision.id, max_age_s=60)
            done.set()

    with scope.enter(allowed.tenant.id), transaction.atomic():
        services.still_good(allowed.decision.id, max_age_s=60)
        thread = started(allowed, dispatch)
        assert done.wait(PATIENCE_S)
        thread.join(PATIENCE_S)


def test_many_activations_at_once_take_numbers_without_gap_or_double(
    committed_db: str, world: SimpleNamespace, actor_of: Callable[..., Any]
) -> None:
    side = world.a
    actor = actor_of(side.alice, side.tenant)
    threads = [started(side, lambda n=n: activate(side, actor, f"C0TEAM000{n}")) for n in range(6)]
    for thread in threads:
        thread.join(PATIENCE_S)
    with scope.enter(side.tenant.id), transaction.atomic():
        assert sorted(Activation.objects.values_list("seq", flat=True)) == [1, 2, 3, 4, 5, 6]
        assert Standing.objects.get().seq == 6
