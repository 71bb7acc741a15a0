"""Trying a workflow in the console: who may, what is shown, and that nothing is left behind."""

import json
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import transaction

from approvals.models import ApprovalRequest
from connectors.models import ToolCall
from tenants import scope
from tests import gateway_ground as ground
from tests import stand_ins
from workflows import library, services
from workflows.models import Run


@pytest.fixture(scope="module")
def vendors() -> Any:
    ground.install_manifests()
    with stand_ins.running() as running:
        yield running


@pytest.fixture
def page(world: SimpleNamespace, vendors: Any, actor_of: Any) -> str:
    """The address of the page of a workflow that is ready to run."""
    alice = actor_of(world.a.alice, world.a.tenant)
    with scope.enter(world.a.tenant.id):
        ground.furnish(world.a, vendors, alice)
        ground.publish(world.a, alice)
        version = services.publish_version(
            workspace_id=world.a.workspace.id, source=library.source("itsm-triage"), actor=alice
        )
    return f"/o/a/workflows/{version.pk}/try/"


def form(world: SimpleNamespace, trigger: Any) -> dict[str, str]:
    return {"environment": str(world.a.environment.id), "trigger": json.dumps(trigger)}


def nothing_is_left(world: SimpleNamespace, vendors: Any) -> None:
    assert vendors.ledger(origin="api") == []
    with scope.enter(world.a.tenant.id), transaction.atomic():
        assert not Run.objects.exists()
        assert not ApprovalRequest.objects.exists()
        assert not ToolCall.objects.filter(dry_run=False).exists()


def test_an_operator_sees_what_would_happen(signed_in: Any, world: SimpleNamespace, vendors: Any, page: str) -> None:
    trigger = {"sys_id": vendors.incident(), "number": "INC1"}
    answer = signed_in(world.a.dana).post(page, form(world, trigger))
    text = answer.content.decode()
    assert answer.status_code == 200
    assert "How it goes on depends on what only a real run brings." in text
    assert "was read" in text
    assert "depends" in text
    nothing_is_left(world, vendors)


def test_the_page_of_the_workflow_leads_there_only_who_may(signed_in: Any, world: SimpleNamespace, page: str) -> None:
    above = page.removesuffix("try/")
    assert page in signed_in(world.a.dana).get(above).content.decode()
    assert page not in signed_in(world.a.bob).get(above).content.decode()
    assert "You cannot try this" in signed_in(world.a.bob).get(page).content.decode()


def test_who_may_not_start_tries_nothing(signed_in: Any, world: SimpleNamespace, vendors: Any, page: str) -> None:
    seen = len(vendors.log("/servicenow"))
    answer = signed_in(world.a.bob).post(page, form(world, {"sys_id": "0" * 32}))
    assert answer.status_code == 403
    assert len(vendors.log("/servicenow")) == seen
    assert signed_in(world.charlie).post(page, form(world, {})).status_code == 404
    nothing_is_left(world, vendors)


@pytest.mark.parametrize("trigger", ["", "[1]", "{", '{"a": 1.5}'])
def test_what_is_no_trigger_is_said_and_nothing_is_read(
    signed_in: Any, world: SimpleNamespace, vendors: Any, page: str, trigger: str
) -> None:
    answer = signed_in(world.a.dana).post(page, {**form(world, {}), "trigger": trigger})
    assert answer.status_code == 422
    nothing_is_left(world, vendors)
