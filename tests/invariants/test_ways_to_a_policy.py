"""Every way to a row that makes a policy stand, taken from the source itself: none of them goes round the second
person; and the database refuses whoever finds another."""

import ast
import uuid
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import transaction
from django.db.utils import IntegrityError

from controlplane.lib import clock
from policies import packs, publishing
from policies.models import Activation, Draft, DraftVote, Standing
from policies.types import DraftState
from tenants import scope
from tests import policy_ground
from tests.ground import ROOT

PRODUCT = ("approvals", "connectors", "controlplane", "evidence", "metering", "policies", "tenants", "workflows")

WAYS = {
    "objects.create of Activation": {"policies.publishing.activate"},
    "publishing.activate": {
        "policies.publishing.activate_first",  # only where nothing stands: require_none
        "policies.activating.activate_ready",  # a draft whose votes are counted under its lock
        "policies.rolling.go_back",  # exactly the bundle before, proven to loosen nothing
    },
    "publishing.activate_first": {"policies.services.publish"},
    "Draft state APPROVED": {"policies.voting.vote"},
}
"""What leads to a policy that stands → the only functions that do it."""


def modules() -> Iterator[tuple[str, ast.Module]]:
    for app in PRODUCT:
        for path in sorted((ROOT / app).rglob("*.py")):
            if "migrations" not in path.parts:
                yield ".".join(path.relative_to(ROOT).with_suffix("").parts), ast.parse(path.read_text())


def functions() -> Iterator[tuple[str, ast.AST]]:
    for module, tree in modules():
        for node in tree.body:
            parts = node.body if isinstance(node, ast.ClassDef) else [node]
            yield from ((f"{module}.{getattr(part, 'name', '')}", part) for part in parts)


def knowing_the_row() -> set[str]:
    """Modules in which `Activation` is the row and not, as in the API, a serializer of that name."""
    return {module for module, tree in modules() if any(_imports_the_row(node) for node in ast.walk(tree))}


def _imports_the_row(node: ast.AST) -> bool:
    ours = isinstance(node, ast.ImportFrom) and node.module == "policies.models"
    return ours and any(alias.name == "Activation" and alias.asname is None for alias in node.names)


def using(is_one: Callable[[str, ast.AST], bool]) -> set[str]:
    return {name for name, function in functions() if any(is_one(name, node) for node in ast.walk(function))}


def makes_activations(where: str, node: ast.AST) -> bool:
    called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
    made = called == "Activation" and where.rpartition(".")[0] in ROWS
    return made or (called.startswith("Activation.objects.") and called.split(".")[2] in WRITES)


ROWS = knowing_the_row()
WRITES = {"create", "bulk_create", "get_or_create", "update_or_create", "abulk_create", "acreate"}


def calls(module: str, name: str) -> Callable[[str, ast.AST], bool]:
    def is_one(where: str, node: ast.AST) -> bool:
        if not isinstance(node, ast.Call):
            return False
        called = ast.unparse(node.func)
        inside = where.startswith(f"policies.{module}.") and called == name
        return inside or called == f"{module}.{name}"

    return is_one


def approves(_: str, node: ast.AST) -> bool:
    """Writes the state; comparing with it is another node."""
    values = [node.value] if isinstance(node, ast.Assign | ast.keyword) else []
    return any(ast.unparse(value) == "DraftState.APPROVED" for value in values)


def test_the_ways_to_a_standing_policy_are_these_and_no_others() -> None:
    found = {
        "objects.create of Activation": using(makes_activations),
        "publishing.activate": using(calls("publishing", "activate")),
        "publishing.activate_first": using(calls("publishing", "activate_first")),
        "Draft state APPROVED": using(approves),
    }
    assert found == WAYS


@pytest.fixture
def standing(world: SimpleNamespace, actor_of: Callable[..., Any]) -> Iterator[SimpleNamespace]:
    """A with a policy and another bundle that somebody would like to see active."""
    with scope.enter(world.a.tenant.id):
        alice = actor_of(world.a.alice, world.a.tenant)
        place = world.a.environment.id
        first = policy_ground.activate_packs(environment_id=place, packs={}, actor=alice)
        with transaction.atomic():
            wanted = publishing.written({"triage": packs.triage(channels=["C"])}, author_id=alice.id)
        yield SimpleNamespace(alice=alice, place=place, first=first, wanted=wanted)


def row(standing: SimpleNamespace, **changes: Any) -> Activation:
    told = {"environment_id": standing.place, "bundle": standing.wanted, "seq": 2, "activated_at": clock.now()}
    people = {"author_id": standing.alice.id, "activated_by_id": standing.alice.id}
    return Activation.objects.create(**{**told, **people, **changes})


def draft(standing: SimpleNamespace, **changes: Any) -> Draft:
    told = {"environment_id": standing.place, "pack": "x", "author_id": standing.alice.id, "proposal": 1}
    known = {"state": DraftState.APPROVED, "digest": "a" * 64, "editor_ids": [str(standing.alice.id)]}
    return Draft.objects.create(**{**told, **known, **changes})


def vote(on: Draft, **changes: Any) -> DraftVote:
    told = {"draft": on, "proposal": on.proposal, "digest": on.digest, "actor_id": uuid.uuid4(), "approve": True}
    return DraftVote.objects.create(**{**told, "cast_at": clock.now(), **changes})


ROUNDABOUT: dict[str, Callable[[SimpleNamespace], object]] = {
    "nothing at all": lambda s: row(s),
    "a draft without a vote": lambda s: row(s, draft=draft(s)),
    "a draft that is only proposed": lambda s: row(s, draft=voted(draft(s, state=DraftState.PROPOSED))),
    "a draft that was used": lambda s: row(s, draft=voted(draft(s, state=DraftState.ACTIVE))),
    "a vote about another text": lambda s: row(s, draft=voted(draft(s), digest="b" * 64)),
    "a vote about an earlier proposal": lambda s: row(s, draft=voted(draft(s, proposal=2), proposal=1)),
    "a no": lambda s: row(s, draft=voted(draft(s), approve=False)),
    "the author's own yes": lambda s: row(s, draft=voted(draft(s), actor_id=s.alice.id)),
    "another bundle than the one before": lambda s: row(s, restores=s.first),
    "a bundle of long ago": lambda s: row(s, seq=9, bundle=s.first.bundle, restores=s.first),
}


def voted(on: Draft, **changes: Any) -> Draft:
    vote(on, **changes)
    return on


@pytest.mark.parametrize("way", ROUNDABOUT)
def test_the_database_lets_nobody_change_a_policy_alone(standing: SimpleNamespace, way: str) -> None:
    with pytest.raises(IntegrityError, match=r"alone|of their own"), transaction.atomic():
        ROUNDABOUT[way](standing)
    assert Activation.objects.count() == 1
    assert Standing.objects.get().seq == 1


def test_with_the_yes_of_somebody_else_it_does(standing: SimpleNamespace) -> None:
    assert row(standing, draft=voted(draft(standing))).seq == 2
