from collections.abc import Callable, Iterator
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from approvals import ports
from approvals import services as approvals
from approvals.models import ApprovalRequest
from approvals.types import Channel, Verdict
from metering import services as metering
from metering.types import Rate
from tenants import scope
from tests import gateway_ground as ground
from tests import stand_ins
from tests.slack_fixtures import asked, desk, door, scheduled, way  # noqa: F401 - fixtures
from tests.stand_ins import StandIns


@pytest.fixture(scope="session")
def running_stand_ins() -> Iterator[StandIns]:
    ground.install_manifests()
    with stand_ins.running() as running:
        yield running


@pytest.fixture(autouse=True)
def no_run_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls are made without a run here, so nobody is woken by a decision."""
    monkeypatch.setattr(ports.decided, "_bound", lambda **_: None)


@pytest.fixture
def vendors(running_stand_ins: StandIns) -> StandIns:
    running_stand_ins.ctl("reset", {})
    running_stand_ins.ctl("faults", method="DELETE")
    return running_stand_ins


@pytest.fixture
def bare(world: SimpleNamespace, vendors: StandIns, actor_of: Callable[..., Any]) -> Iterator[SimpleNamespace]:
    """Tenant A with connectors and a budget, in its scope; no policy is published."""
    side = world.a
    side.admin = actor_of(side.alice, side.tenant)
    with scope.enter(side.tenant.id):
        ground.furnish(side, vendors, side.admin)
        yield side


@pytest.fixture
def ready(bare: SimpleNamespace) -> SimpleNamespace:
    """The same with the triage policy in force."""
    ground.publish(bare, bare.admin)
    return bare


@pytest.fixture
def approve(actor_of: Callable[..., Any]) -> Callable[..., Any]:
    """Bob says yes (or no) to a request, having seen what it shows."""

    def vote(side: SimpleNamespace, request_id: Any, verdict: Verdict = Verdict.APPROVE) -> Any:
        from django.db import transaction

        with transaction.atomic():
            shown = ApprovalRequest.objects.get(pk=request_id).display_digest
        return approvals.cast_vote(
            request_id=request_id,
            actor=actor_of(side.bob, side.tenant),
            verdict=verdict,
            reason="not now" if verdict is Verdict.REJECT else "as asked",
            channel=Channel.CONSOLE,
            seen_digest=shown,
        )

    return vote


@pytest.fixture
def priced_model(ready: SimpleNamespace) -> None:
    rate = Rate(Decimal(1), Decimal(5))
    metering.set_price(provider="anthropic", model=ground.MODEL, rate=rate, source="test", actor=ready.admin)
