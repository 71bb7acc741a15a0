"""Back to an earlier policy: at once where recorded decisions show that nothing is loosened, else by two people."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from controlplane.lib.errors import LostRace, NotFound
from policies import access, drafting, packs, rolling, services
from policies.errors import OwnProposal, SecondPersonNeeded
from policies.models import Activation, Draft, Simulation, Standing
from policies.types import DraftState, PackSource
from tenants.errors import PermissionMissing
from tests import policy_ground
from tests.policy_questions import question

STRICT = packs.triage(channels=["C0TEAM0001"])
LOOSE = PackSource(packs.rego("triage").replace('"effect": "REQUIRE_HITL"', '"effect": "ALLOW"'), STRICT.data)


@pytest.fixture
def actors(inside: SimpleNamespace, actor_of: Callable[..., Any]) -> SimpleNamespace:
    return SimpleNamespace(
        **{n: actor_of(getattr(inside, n), inside.tenant) for n in ("alice", "bob", "carol", "dana")}
    )


@pytest.fixture
def followed(inside: SimpleNamespace, actors: SimpleNamespace, ask: Callable[..., Any]) -> Callable[..., Any]:
    """First one policy, then another; with high-risk decisions under the second."""

    def make(*following: PackSource) -> list[Activation]:
        made = [
            policy_ground.activate_packs(
                environment_id=inside.environment.id, packs={"triage": pack}, actor=actors.alice
            )
            for pack in following
        ]
        for _ in range(3):
            ask(question(inside, risk="high"))
        return made

    return make


def back(inside: SimpleNamespace, actor: Any, **changes: Any) -> Activation:
    return services.rollback(environment_id=inside.environment.id, reason="3 AM", actor=actor, **changes)


@pytest.mark.parametrize("who", ["alice", "dana"])
def test_one_person_goes_back_to_the_stricter_policy_before(
    inside: SimpleNamespace, actors: SimpleNamespace, followed: Callable[..., Any], who: str
) -> None:
    strict, _ = followed(STRICT, LOOSE)
    activation = back(inside, getattr(actors, who))
    assert (activation.seq, activation.bundle_id, activation.restores_id) == (3, strict.bundle_id, strict.pk)
    assert access.doubt(Standing.objects.get()) == ""
    proof = Simulation.objects.get().report["against_standing"]
    assert (proof["tightened"], proof.get("loosened", 0)) == (3, 0)


def test_going_back_to_a_looser_policy_needs_a_second_person(
    inside: SimpleNamespace, actors: SimpleNamespace, followed: Callable[..., Any]
) -> None:
    followed(LOOSE, STRICT)
    with pytest.raises(SecondPersonNeeded) as refused:
        back(inside, actors.alice)
    assert refused.value.extra["why"] == ["it loosens decisions or changes their terms"]
    assert Standing.objects.get().seq == 2


def test_without_decisions_nothing_is_proven(
    inside: SimpleNamespace, actors: SimpleNamespace, activate: Callable[..., Any]
) -> None:
    activate()
    activate(channels=["C0OTHER001"])
    with pytest.raises(SecondPersonNeeded, match="too few recorded decisions"):
        back(inside, actors.alice)


def test_further_back_than_one_step_needs_a_second_person(
    inside: SimpleNamespace, actors: SimpleNamespace, followed: Callable[..., Any]
) -> None:
    first, *_ = followed(STRICT, packs.triage(channels=[]), LOOSE)
    with pytest.raises(SecondPersonNeeded, match="not the activation before"):
        back(inside, actors.alice, activation_id=first.pk)


def test_the_same_content_as_stands_needs_no_proof(
    inside: SimpleNamespace, actors: SimpleNamespace, activate: Callable[..., Any]
) -> None:
    activate()
    activate()
    assert back(inside, actors.alice).seq == 3


def test_a_looser_policy_comes_back_once_two_others_approved(
    inside: SimpleNamespace, actors: SimpleNamespace, followed: Callable[..., Any]
) -> None:
    loose, _ = followed(LOOSE, STRICT)
    draft = rolling.propose(environment_id=inside.environment.id, reason="too strict", actor=actors.alice)
    asked = access.needed(draft)
    assert (asked.quorum, "second_approver_high_risk_loosened" in asked.codes) == (2, True)
    with pytest.raises(OwnProposal):
        drafting.vote(draft_id=draft.pk, approve=True, digest=draft.digest, actor=actors.alice)
    for who in (actors.bob, actors.carol):
        draft = drafting.vote(draft_id=draft.pk, approve=True, digest=draft.digest, actor=who)
    activation = drafting.activate(draft_id=draft.pk, actor=actors.alice)
    assert (activation.seq, activation.bundle_id) == (3, loose.bundle_id)
    assert Draft.objects.get(pk=draft.pk).state == DraftState.ACTIVE


def test_what_never_was_active_does_not_come_back(
    inside: SimpleNamespace, actors: SimpleNamespace, followed: Callable[..., Any], world: SimpleNamespace
) -> None:
    followed(STRICT)
    for target in (None, inside.tenant.id):
        with pytest.raises(NotFound):
            back(inside, actors.alice, activation_id=target)
    with pytest.raises(NotFound):
        services.rollback(environment_id=world.b.environment.id, reason="x", actor=actors.alice)


def test_an_approver_does_not_roll_back(
    inside: SimpleNamespace, actors: SimpleNamespace, followed: Callable[..., Any]
) -> None:
    followed(STRICT, LOOSE)
    with pytest.raises(PermissionMissing):
        back(inside, actors.bob)
    assert Standing.objects.get().seq == 2


def test_a_policy_activated_while_the_way_back_was_weighed_wins(
    inside: SimpleNamespace, actors: SimpleNamespace, followed: Callable[..., Any], activate: Callable[..., Any]
) -> None:
    followed(STRICT, LOOSE)
    way = rolling.weigh_alone(inside.environment.id, None, actors.alice)
    activate(channels=["C0OTHER001"])
    with pytest.raises(LostRace):
        rolling.go_back(way=way, reason="late", actor=actors.alice)
    assert Standing.objects.get().seq == 3
