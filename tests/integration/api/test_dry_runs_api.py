"""`POST /v1/workflows/<name>/dry-runs`, and the command that uses it."""

from collections.abc import Callable
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import transaction

from approvals.models import ApprovalRequest
from connectors.models import ToolCall
from evidence.models import Event
from metering import services as metering
from metering.types import Rate
from tenants import scope
from tests import gateway_ground as ground
from tests import stand_ins
from workflows import library, services
from workflows.models import Run

PATH = "/v1/workflows/itsm-triage/dry-runs"


@pytest.fixture(scope="module")
def vendors() -> Any:
    ground.install_manifests()
    with stand_ins.running() as running:
        yield running


@pytest.fixture
def ready(world: SimpleNamespace, vendors: Any, actor_of: Callable[..., Any]) -> SimpleNamespace:
    alice = actor_of(world.a.alice, world.a.tenant)
    with scope.enter(world.a.tenant.id):
        ground.furnish(world.a, vendors, alice)
        ground.publish(world.a, alice)
        price = Rate(Decimal(1), Decimal(5))
        metering.set_price(provider="anthropic", model=ground.MODEL, rate=price, source="test", actor=alice)
        services.publish_version(workspace_id=world.a.workspace.id, source=library.source("itsm-triage"), actor=alice)
    return world


def nothing_is_left(world: SimpleNamespace, vendors: Any) -> None:
    assert vendors.ledger(origin="api") == []
    with scope.enter(world.a.tenant.id), transaction.atomic():
        assert not Run.objects.exists()
        assert not ApprovalRequest.objects.exists()
        assert not ToolCall.objects.filter(dry_run=False).exists()


def test_a_dry_run_is_answered_as_described(ready: Any, vendors: Any, token: Any, post: Any) -> None:
    trigger = {"sys_id": vendors.incident(category="inquiry"), "number": "INC1"}
    answer = post(PATH, {"trigger": trigger, "with_model": True}, token(ready.a.dana))
    assert answer.status_code == 200, answer.content
    found = answer.json()
    steps = {step["id"]: step for step in found["steps"]}
    assert (found["verdict"], found["workflow"], found["environment"]) == ("asks_people", "itsm-triage", "prod")
    assert [step["would"] for step in found["steps"]] == ["read", "read", "asked", "asks", "proposed"]
    assert steps["write"]["changes"]
    assert steps["write"]["approval"] == {"tier": "standard", "expires_s": 3600}
    assert [undo["step"] for undo in found["undo"]] == ["announce", "write"]
    assert found["cost"]["spent_micros"] > 0
    nothing_is_left(ready, vendors)


def test_a_repeated_key_answers_as_before_and_asks_nobody_again(
    ready: Any, vendors: Any, token: Any, post: Any
) -> None:
    body = {"trigger": {"sys_id": vendors.incident(), "number": "INC1"}, "with_model": True}
    headers = {**token(ready.a.dana), "Idempotency-Key": "d-1"}
    first = post(PATH, body, headers)
    asked = len(vendors.log())
    again = post(PATH, body, headers)
    assert (first.status_code, first.json(), again["Idempotent-Replayed"]) == (200, again.json(), "true")
    assert len(vendors.log()) == asked
    with scope.enter(ready.a.tenant.id), transaction.atomic():
        assert Event.objects.filter(type="workflow.dry_run").count() == 1
    assert post(PATH, {**body, "with_model": False}, headers).status_code == 422, "a new request takes a new key"


def test_who_may_not_start_gets_nothing(ready: Any, vendors: Any, token: Any, post: Any) -> None:
    body = {"trigger": {"sys_id": vendors.incident(), "number": "INC1"}}
    assert post(PATH, body, token(ready.a.bob)).status_code == 403
    assert post(PATH, body, token(ready.a.dana, scopes=("view",))).status_code == 403
    assert post(PATH, body, token(ready.charlie, ready.b)).status_code == 404
    nothing_is_left(ready, vendors)


def test_an_unknown_workflow_is_404(ready: Any, token: Any, post: Any) -> None:
    assert post("/v1/workflows/nothing/dry-runs", {}, token(ready.a.dana)).status_code == 404
