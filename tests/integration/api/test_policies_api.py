"""What rules and what it decided, over the API."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client

from policies import packs, services
from tenants import scope
from tests import policy_ground
from tests.policy_questions import question


@pytest.fixture
def decided(world: SimpleNamespace, actor_of: Callable[..., Any]) -> list[Any]:
    """Three decisions in A: without a policy, so each is a DENY."""
    with scope.enter(world.a.tenant.id):
        where = {"workspace_id": world.a.workspace.id, "environment_id": world.a.environment.id}
        dana = actor_of(world.a.dana, world.a.tenant)
        return [services.decide(document=question(world.a), actor=dana, **where) for _ in range(3)]


def test_the_policy_in_force_and_its_history(
    client: Client, world: SimpleNamespace, token: Callable[..., Any], actor_of: Callable[..., Any]
) -> None:
    bob = token(world.a.bob)
    assert client.get("/v1/policies", headers=bob).json()["results"] == []
    with scope.enter(world.a.tenant.id):
        activation = policy_ground.activate_packs(
            environment_id=world.a.environment.id,
            packs={"triage": packs.triage(channels=["C0TEAM0001"])},
            actor=actor_of(world.a.alice, world.a.tenant),
            reason="first",
            ttl_s=None,
        )
    [policy] = client.get("/v1/policies", headers=bob).json()["results"]
    assert (policy["environment"], policy["seq"], policy["doubt"]) == ("prod", activation.seq, "")
    path = f"/v1/policies/{world.a.environment.id}/activations"
    [row] = client.get(path, headers=bob).json()["results"]
    assert (row["reason"], row["sha256"]) == ("first", policy["sha256"])
    charlie = token(world.charlie, world.b)
    assert client.get("/v1/policies", headers=charlie).json()["results"] == []
    assert client.get(path, headers=charlie).status_code == 404


def test_decisions_page_and_filter(
    client: Client, world: SimpleNamespace, token: Callable[..., Any], decided: list[Any]
) -> None:
    bob = token(world.a.bob)
    first = client.get("/v1/decisions?limit=2", headers=bob).json()
    second = client.get(f"/v1/decisions?limit=2&cursor={first['next_cursor']}", headers=bob).json()
    rows = first["results"] + second["results"]
    assert [row["id"] for row in rows] == [str(one.id) for one in reversed(decided)]
    assert (rows[0]["effect"], rows[0]["codes"]) == ("DENY", ["bundle_missing"])
    assert client.get("/v1/decisions?effect=ALLOW", headers=bob).json()["results"] == []
    assert client.get("/v1/decisions?effect=MAYBE", headers=bob).json()["code"] == "invalid"


def test_a_decision_shows_its_input_only_to_those_who_may_see_content(
    client: Client, world: SimpleNamespace, token: Callable[..., Any], decided: list[Any]
) -> None:
    path = f"/v1/decisions/{decided[0].id}"
    assert client.get(path, headers=token(world.a.bob)).json()["reasons"][0]["code"] == "bundle_missing"
    shown = client.get(f"{path}/input", headers=token(world.a.bob)).json()
    assert shown["resource"]["tool"] == question(world.a)["resource"]["tool"]
    narrow = client.get(f"{path}/input", headers=token(world.a.bob, scopes=("view",)))
    assert (narrow.status_code, narrow.json()["code"]) == (403, "permission_missing")


def test_foreign_decisions_are_not_there(
    client: Client, world: SimpleNamespace, token: Callable[..., Any], decided: list[Any]
) -> None:
    charlie, path = token(world.charlie, world.b), f"/v1/decisions/{decided[0].id}"
    assert client.get("/v1/decisions", headers=charlie).json()["results"] == []
    assert [client.get(p, headers=charlie).status_code for p in (path, f"{path}/input")] == [404, 404]


@pytest.mark.parametrize(
    ("query", "count"),
    [("effect=DENY&effect=ALLOW", 3), ("code=bundle_missing", 3), ("environment=dev", 0), ("tool=none", 0)],
)
def test_the_api_searches_like_the_console(
    client: Client, world: SimpleNamespace, token: Callable[..., Any], decided: list[Any], query: str, count: int
) -> None:
    found = client.get(f"/v1/decisions?{query}", headers=token(world.a.bob)).json()
    assert len(found["results"]) == count


def test_an_explanation_withholds_content_from_those_who_may_not_see_it(
    client: Client, world: SimpleNamespace, token: Callable[..., Any], decided: list[Any]
) -> None:
    path = f"/v1/decisions/{decided[0].id}/explanation"
    told = client.get(path, headers=token(world.a.bob, scopes=("view",))).json()
    assert (told["rules"][0]["code"], told["rules"][0]["module"], told["bundle"]) == ("bundle_missing", None, None)
    assert told["input"]["resource"]["args"] == "[withheld]"
    assert client.get(path, headers=token(world.a.bob)).json()["note"] == ""


def test_a_decision_without_a_policy_is_not_traced(
    client: Client, world: SimpleNamespace, token: Callable[..., Any], decided: list[Any]
) -> None:
    path = f"/v1/decisions/{decided[0].id}/trace"
    assert client.post(path, headers=token(world.a.bob)).json()["code"] == "nothing_to_trace"
    assert client.post(path, headers=token(world.a.bob, scopes=("view",))).status_code == 403
    assert client.post(path, headers=token(world.charlie, world.b)).status_code == 404
