"""The decision log as a person searches it: by address, page by page, told what is wrong."""

from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client

from policies import services
from tenants import scope
from tenants.actors import Actor
from tests.policy_questions import question

LOG = "/o/a/policies/decisions/"
HOSTILE = "<script>document.title=1</script>"


def decide(world: SimpleNamespace, *, tool: str, times: int = 1) -> list[str]:
    """Decisions in A without a policy: each is a DENY of the decision point itself."""
    dana = Actor("human", world.a.dana.id, world.a.tenant.id, "Dana", "session")
    where = {"workspace_id": world.a.workspace.id, "environment_id": world.a.environment.id}
    with scope.enter(world.a.tenant.id):
        asked = [question(world.a, tool=tool) for _ in range(times)]
        return [str(services.decide(document=document, actor=dana, **where).id) for document in asked]


@pytest.fixture
def bob(signed_in: Any, world: SimpleNamespace) -> Client:
    return signed_in(world.a.bob)


def page(visitor: Client, query: str = "") -> str:
    return visitor.get(LOG + query).content.decode()


def test_the_log_says_so_when_it_is_empty_or_nothing_matches(bob: Client, world: SimpleNamespace) -> None:
    assert "No decision yet" in page(bob)
    decide(world, tool="a.b.c")
    assert "No decision matches" in page(bob, "?tool=x.y.z")


def test_a_search_is_its_address(bob: Client, world: SimpleNamespace) -> None:
    decide(world, tool="a.b.c")
    found = page(bob, "?effect=DENY&code=bundle_missing&tool=a.b.c")
    assert "<code>a.b.c</code>" in found
    assert 'value="DENY" checked' in found
    assert 'value="bundle_missing"' in found
    assert "a.b.c</code>" not in page(bob, "?effect=ALLOW")


def test_pages_go_on_below_the_last_row_with_the_same_filters(bob: Client, world: SimpleNamespace) -> None:
    decide(world, tool="a.b.c", times=51)
    first = bob.get(f"{LOG}?effect=DENY")
    assert len(first.context["decisions"]) == 50
    second = bob.get(LOG + first.context["older"])
    assert len(second.context["decisions"]) == 1
    assert second.context["query"].first("effect") == "DENY"
    assert set(first.context["decisions"]) & set(second.context["decisions"]) == set()


def test_a_search_that_cannot_be_meant_is_said_beside_the_fields(bob: Client, world: SimpleNamespace) -> None:
    decide(world, tool="a.b.c")
    answer = bob.get(f"{LOG}?run=17&tool={HOSTILE}")
    told = answer.content.decode()
    assert answer.status_code == 422
    assert "run is an id" in told
    assert "a.b.c</code>" not in told
    assert HOSTILE not in told
    assert 'value="17"' in told


def test_strangers_have_no_log(signed_in: Any, world: SimpleNamespace) -> None:
    assert signed_in(world.charlie).get(LOG).status_code == 404
