"""Policy in the admin: published and brought back by their verbs, or only read."""

from types import SimpleNamespace
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from policies import packs, publishing
from policies.models import Activation, PolicyVersion
from tenants import scope

MINE = 'package interlock.packs.mine\n\ngrants contains {"rule": "mine"} if input.resource.tool == "a.b"\n'
ADD = "/o/a/admin/policies/policyversion/add/"


def rows(world: Any, model: Any) -> list[Any]:
    with scope.enter(world.a.tenant.id), transaction.atomic():
        return list(model.objects.order_by("id"))


@pytest.fixture
def admin(world: SimpleNamespace, client: Client, actor_of: Any) -> Client:
    """Alice, with the triage policy active in prod."""
    with scope.enter(world.a.tenant.id):
        publishing.activate_packs(
            environment_id=world.a.environment.id,
            packs={"triage": packs.triage(channels=["C0TEAM0001"])},
            actor=actor_of(world.a.alice, world.a.tenant),
            reason="",
            ttl_s=None,
        )
    client.force_login(world.a.alice)
    return client


def form(world: SimpleNamespace, **changes: str) -> dict[str, str]:
    filled = {
        "environment": str(world.a.environment.id),
        "name": "mine",
        "source": MINE,
        "configuration": "{}",
        "tests": "",
    }
    return {**filled, "reason": "new", **changes}


def test_a_pack_is_published_beside_those_that_are_active(admin: Client, world: SimpleNamespace) -> None:
    assert admin.get(ADD).status_code == 200
    assert admin.post(ADD, form(world)).status_code == 302
    latest = rows(world, Activation)[-1]
    with scope.enter(world.a.tenant.id), transaction.atomic():
        assert (latest.seq, [entry["pack"] for entry in latest.bundle.packs]) == (2, ["mine", "triage"])


def test_a_refused_pack_is_shown_back_with_its_finding(admin: Client, world: SimpleNamespace) -> None:
    response = admin.post(ADD, form(world, source=MINE.replace('"a.b"', "opa.runtime()")))
    assert response.status_code == 200
    assert "forbidden_builtin" in response.content.decode()
    assert len(rows(world, PolicyVersion)) == len(rows(world, Activation)) == 1


def test_an_earlier_policy_is_brought_back(admin: Client, world: SimpleNamespace) -> None:
    [first] = rows(world, Activation)
    page = f"/o/a/admin/policies/activation/{first.pk}/change/"
    assert admin.get(page).status_code == 200
    assert admin.post(page, {"_verb": "Make this the policy again"}).status_code == 302
    assert [row.seq for row in rows(world, Activation)] == [1, 2]


@pytest.mark.parametrize("model", ["policyversion", "activation", "standing", "policypack", "bundle", "decisionrecord"])
def test_every_list_opens_for_alice_and_not_for_bob(admin: Client, world: SimpleNamespace, model: str) -> None:
    assert admin.get(f"/o/a/admin/policies/{model}/").status_code == 200
    admin.force_login(world.a.bob)
    assert admin.get(f"/o/a/admin/policies/{model}/").status_code == 403
    admin.force_login(world.charlie)
    assert admin.get(f"/o/a/admin/policies/{model}/").status_code == 404


def test_an_approver_publishes_nothing(admin: Client, world: SimpleNamespace) -> None:
    admin.force_login(world.a.bob)
    assert admin.post(ADD, form(world)).status_code == 403
    assert len(rows(world, Activation)) == 1
