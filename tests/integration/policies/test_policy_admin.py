"""Policy in the admin: published and brought back by their verbs, or only read."""

from types import SimpleNamespace
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from policies import packs
from policies.models import Activation, Draft
from tenants import scope
from tests import policy_ground

MINE = (
    'package interlock.packs.mine\n\ngrants contains {"rule": "interlock.packs.mine"} if input.resource.tool == "a.b"\n'
)
TESTS = """package interlock.tests.mine

test_read if count(data.interlock.packs.mine.grants) == 1 with input as {"resource": {"tool": "a.b"}}
"""
ADD = "/o/a/admin/policies/draft/add/"


def rows(world: Any, model: Any) -> list[Any]:
    with scope.enter(world.a.tenant.id), transaction.atomic():
        return list(model.objects.order_by("id"))


@pytest.fixture
def admin(world: SimpleNamespace, client: Client, actor_of: Any) -> Client:
    """Alice, with the triage policy active in prod."""
    with scope.enter(world.a.tenant.id):
        policy_ground.activate_packs(
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
        "environment_id": str(world.a.environment.id),
        "pack": "mine",
        "source": MINE,
        "configuration": "{}",
        "golden": "[]",
        "tests": "",
    }
    return {**filled, "version": "1.0.0", **changes}


def test_adding_a_pack_begins_a_draft_and_activates_nothing(admin: Client, world: SimpleNamespace) -> None:
    assert admin.get(ADD).status_code == 200
    assert admin.post(ADD, form(world, tests=TESTS)).status_code == 302
    [draft] = rows(world, Draft)
    assert (draft.pack, draft.state, draft.base_seq) == ("mine", "CHECKED", 1)
    assert len(rows(world, Activation)) == 1


def test_a_draft_that_is_refused_keeps_its_findings(admin: Client, world: SimpleNamespace) -> None:
    assert admin.post(ADD, form(world, source=MINE.replace('"a.b"', "opa.runtime()"))).status_code == 302
    [draft] = rows(world, Draft)
    assert draft.state == "REFUSED"
    assert [(f["code"], f["line"], f["column"]) for f in draft.report["findings"]] == [("forbidden_builtin", 3, 76)]


def test_a_change_is_saved_and_checked_again_and_shows_its_problems(admin: Client, world: SimpleNamespace) -> None:
    page = admin.post(ADD, form(world, source=MINE.replace('"a.b"', "opa.runtime()"))).headers["Location"]
    shown = admin.get(page).content.decode()
    assert 'data-jump="id_source:3:76"' in shown
    assert "/o/a/policies/drafts/" in shown
    late = {**form(world, tests=TESTS), "revision": "0"}
    assert "somebody saved" in admin.post(page, late).content.decode()
    assert admin.post(page, {**late, "revision": "1"}).status_code == 302
    [draft] = rows(world, Draft)
    assert (draft.state, draft.revision) == ("CHECKED", 2)
    assert "Nothing to change" in admin.get(page).content.decode()
    assert admin.post(page, {"_verb": "Withdraw it"}).status_code == 302
    assert rows(world, Draft)[0].state == "WITHDRAWN"


def test_versions_are_only_read(admin: Client) -> None:
    assert admin.get("/o/a/admin/policies/policyversion/add/").status_code == 403


def test_an_earlier_policy_is_not_brought_back_alone_when_nothing_tells_what_it_would_do(
    admin: Client, world: SimpleNamespace, actor_of: Any
) -> None:
    with scope.enter(world.a.tenant.id):
        policy_ground.activate_packs(
            environment_id=world.a.environment.id,
            packs={"triage": packs.triage(channels=["C0OTHER001"])},
            actor=actor_of(world.a.alice, world.a.tenant),
        )
    first, _ = rows(world, Activation)
    page = f"/o/a/admin/policies/activation/{first.pk}/change/"
    assert admin.get(page).status_code == 200
    answer = admin.post(page, {"_verb": "Make this the policy again"})
    assert (answer.status_code, len(rows(world, Activation))) == (200, 2)
    assert "too few recorded decisions" in answer.content.decode()


@pytest.mark.parametrize(
    "model", ["draft", "policyversion", "activation", "standing", "policypack", "bundle", "decisionrecord"]
)
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
