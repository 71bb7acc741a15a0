"""Drafts under threads: one activation wins, and no vote counts for what it was not about."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connections, transaction

from controlplane.lib.errors import DomainError, LostRace
from policies import access, drafting
from policies.errors import DraftClosed, ProposalChanged
from policies.models import Activation, Draft, DraftVote, Standing
from policies.types import DraftState
from tenants import scope
from tests import policy_ground
from tests.races.threads import at_once

pytestmark = pytest.mark.races
ROUNDS = 6
CASES = [{"name": "no", "input": {}, "expect": {"effect": "DENY"}}]


def source(pack: str, more: str = "") -> str:
    return f'package interlock.packs.{pack}\n\ngrants contains {{"rule": "r"}} if input.resource.tool == "a.b"\n{more}'


@pytest.fixture
def side(committed_db: str, world: SimpleNamespace, actor_of: Callable[..., Any]) -> SimpleNamespace:
    """A with a policy, its people as actors, and no minimum of coverage."""
    made = world.a
    made.actors = {name: actor_of(getattr(made, name), made.tenant) for name in ("alice", "bob", "carol")}
    with scope.enter(made.tenant.id):
        policy_ground.activate_packs(environment_id=made.environment.id, packs={}, actor=made.actors["alice"])
    return made


@pytest.fixture(autouse=True)
def any_coverage(settings: Any) -> None:
    settings.INTERLOCK_POLICY_COVERAGE = 0


def proposed(side: SimpleNamespace, pack: str) -> Draft:
    alice = side.actors["alice"]
    told = {"pack": pack, "source": source(pack), "golden": CASES, "version": "1.0.0"}
    draft = drafting.save(environment_id=side.environment.id, actor=alice, **told)
    drafting.check(draft_id=draft.pk, actor=alice)
    return drafting.propose(draft_id=draft.pk, reason="race", actor=alice)


def approved(side: SimpleNamespace, pack: str) -> Draft:
    draft = proposed(side, pack)
    for name in ("bob", "carol"):
        draft = drafting.vote(draft_id=draft.pk, approve=True, digest=draft.digest, actor=side.actors[name])
    return draft


def race(side: SimpleNamespace, *works: Callable[[], object]) -> list[object]:
    """Each in a thread of its own, released together; what each returned or was refused with."""
    barrier = Barrier(len(works))

    def run(work: Callable[[], object]) -> object:
        try:
            with scope.enter(side.tenant.id):
                barrier.wait()
                return work()
        except DomainError as refusal:
            return refusal
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(run, works))


def test_of_two_approved_drafts_one_is_activated_and_the_other_lost(side: SimpleNamespace) -> None:
    alice = side.actors["alice"]
    with scope.enter(side.tenant.id):
        drafts = [approved(side, "one"), approved(side, "two")]
    found = race(side, *(lambda d=draft: drafting.activate(draft_id=d.pk, actor=alice) for draft in drafts))
    assert {type(outcome) for outcome in found} == {Activation, LostRace}
    with scope.enter(side.tenant.id), transaction.atomic():
        assert Standing.objects.get().seq == 2
        assert sorted(Draft.objects.exclude(pack="ground").values_list("state", flat=True)) == ["ACTIVE", "APPROVED"]


def test_one_draft_activated_by_many_is_activated_once(side: SimpleNamespace) -> None:
    alice = side.actors["alice"]
    with scope.enter(side.tenant.id):
        draft = approved(side, "one")
    found = race(side, *[lambda: drafting.activate(draft_id=draft.pk, actor=alice)] * 4)
    assert sum(isinstance(outcome, Activation) for outcome in found) == 1
    assert all(isinstance(outcome, Activation | DraftClosed | LostRace) for outcome in found)
    with scope.enter(side.tenant.id), transaction.atomic():
        assert Activation.objects.count() == 2


@pytest.mark.parametrize("round_number", range(ROUNDS))
def test_a_vote_against_an_edit_never_counts_for_the_edited_text(side: SimpleNamespace, round_number: int) -> None:
    alice, bob = side.actors["alice"], side.actors["bob"]
    with scope.enter(side.tenant.id):
        draft = proposed(side, "one")
    edited = {"source": source("one", "# more\n"), "golden": CASES, "version": "1.0.0"}
    vote, edit = race(
        side,
        lambda: drafting.vote(draft_id=draft.pk, approve=True, digest=draft.digest, actor=bob),
        lambda: drafting.save(draft_id=draft.pk, revision=draft.revision, actor=alice, **edited),
    )
    assert isinstance(edit, Draft)
    assert isinstance(vote, Draft | DraftClosed | ProposalChanged)
    with scope.enter(side.tenant.id):
        drafting.check(draft_id=draft.pk, actor=alice)
        again = drafting.propose(draft_id=draft.pk, reason="again", actor=alice)
        with transaction.atomic():
            assert access.needed(again).approvals == []
            assert again.state == DraftState.PROPOSED


@pytest.mark.parametrize("round_number", range(ROUNDS))
def test_a_vote_against_a_withdrawal_leaves_it_withdrawn(side: SimpleNamespace, round_number: int) -> None:
    with scope.enter(side.tenant.id):
        draft = proposed(side, "one")
    vote, withdrawn = race(
        side,
        lambda: drafting.vote(draft_id=draft.pk, approve=True, digest=draft.digest, actor=side.actors["bob"]),
        lambda: drafting.withdraw(draft_id=draft.pk, actor=side.actors["alice"]),
    )
    assert isinstance(withdrawn, Draft)
    assert isinstance(vote, Draft | DraftClosed)
    with scope.enter(side.tenant.id), transaction.atomic():
        assert Draft.objects.get(pk=draft.pk).state == DraftState.WITHDRAWN


def test_many_saves_of_one_revision_keep_one(side: SimpleNamespace) -> None:
    alice = side.actors["alice"]
    told = {"source": source("one"), "golden": CASES, "version": "1.0.0"}
    with scope.enter(side.tenant.id):
        draft = drafting.save(environment_id=side.environment.id, pack="one", actor=alice, **told)

    def save() -> type:
        try:
            with scope.enter(side.tenant.id):
                drafting.save(draft_id=draft.pk, revision=draft.revision, actor=alice, **told)
        except LostRace:
            return LostRace
        return Draft

    found = at_once(save, threads=8)
    assert (found.count(Draft), found.count(LostRace)) == (1, 7)


def test_one_person_votes_once_however_often_at_once(side: SimpleNamespace) -> None:
    with scope.enter(side.tenant.id):
        draft = proposed(side, "one")
    vote = {"draft_id": draft.pk, "approve": True, "digest": draft.digest, "actor": side.actors["bob"]}
    found = race(side, *[lambda: drafting.vote(**vote)] * 6)
    assert sum(isinstance(outcome, Draft) for outcome in found) == 1
    with scope.enter(side.tenant.id), transaction.atomic():
        assert DraftVote.objects.filter(draft=draft).count() == 1
        assert Draft.objects.get(pk=draft.pk).state == DraftState.PROPOSED
