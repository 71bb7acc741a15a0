"""Standing in: whose right is used, when, and how often."""

from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from approvals import access, services
from approvals.errors import AlreadyDecided, DelegationNotFound, MayNotVote
from approvals.models import Delegation, Vote
from approvals.types import State, Tier
from controlplane.lib import clock
from controlplane.lib.errors import Forbidden, Invalid
from tenants.models import Membership
from tenants.services import withdraw_role

DAY = timedelta(days=1)


def stand_in(desk: SimpleNamespace, principal: Any, who: Any, **changes: Any) -> Delegation:
    now = clock.now()
    terms = {"starts_at": now, "ends_at": now + DAY, "reason": "on leave", **changes}
    workspace = desk.world.a.workspace.id
    return services.delegate(workspace_id=workspace, stand_in_id=who.id, actor=principal, **terms)


def test_a_stand_in_decides_by_the_right_of_whoever_is_away(desk: SimpleNamespace) -> None:
    request = desk.ask(agent_owner_id=None)
    with pytest.raises(MayNotVote):
        desk.yes(request, desk.alice)
    stand_in(desk, desk.bob, desk.alice)
    with transaction.atomic():
        (item,) = access.queue(desk.alice, "mine")
        assert (item.may_vote, item.in_place_of) == (True, desk.bob.label)
    assert desk.yes(request, desk.alice).state is State.APPROVED
    with transaction.atomic():
        vote = Vote.objects.get()
    assert (vote.voter_id, vote.right_of_id, vote.roles) == (desk.alice.id, desk.bob.id, ["approver"])


def test_a_right_is_used_once_by_its_owner_or_in_their_place(desk: SimpleNamespace) -> None:
    stand_in(desk, desk.bob, desk.alice)
    for first, second in ((desk.bob, desk.alice), (desk.alice, desk.bob)):
        request = desk.ask(tier=Tier.TWO_PERSON, agent_owner_id=None)
        assert desk.yes(request, first).state is State.PENDING
        with pytest.raises(AlreadyDecided, match="used already"):
            desk.yes(request, second)
        with transaction.atomic():
            assert access.queue(second, "mine") == []
        assert desk.yes(request, desk.carol).state is State.APPROVED


def test_own_right_comes_first(desk: SimpleNamespace) -> None:
    stand_in(desk, desk.bob, desk.carol)
    request = desk.ask(tier=Tier.TWO_PERSON)
    desk.yes(request, desk.carol)
    assert desk.yes(request, desk.bob).state is State.APPROVED


@pytest.mark.parametrize("minutes", [-1, 24 * 60])
def test_only_between_the_dates(desk: SimpleNamespace, minutes: int) -> None:
    request = desk.ask(agent_owner_id=None, expires_in_s=7 * 86_400)
    now = clock.now()
    stand_in(desk, desk.bob, desk.alice, starts_at=now + timedelta(minutes=5), ends_at=now + DAY)
    with clock.frozen(now + timedelta(minutes=minutes)), pytest.raises(MayNotVote):
        desk.yes(request, desk.alice)
    with clock.frozen(now + timedelta(minutes=6)):
        assert desk.yes(request, desk.alice).state is State.APPROVED


def test_it_can_be_ended_and_then_gives_nothing(desk: SimpleNamespace) -> None:
    row = stand_in(desk, desk.bob, desk.alice)
    with pytest.raises(DelegationNotFound):
        services.end_delegation(delegation_id=row.pk, actor=desk.carol)
    services.end_delegation(delegation_id=row.pk, actor=desk.bob)
    with pytest.raises(MayNotVote):
        desk.yes(desk.ask(agent_owner_id=None), desk.alice)


def test_it_gives_no_more_than_its_owner_holds_today(desk: SimpleNamespace) -> None:
    stand_in(desk, desk.bob, desk.alice)
    with pytest.raises(MayNotVote, match="Approve high"):
        desk.yes(desk.ask(agent_owner_id=None, tier=Tier.HIGH), desk.alice, reason="x")
    with transaction.atomic():
        membership = Membership.objects.get(user_id=desk.bob.id)
    withdraw_role(membership_id=membership.pk, actor=desk.alice)
    with pytest.raises(MayNotVote):
        desk.yes(desk.ask(agent_owner_id=None), desk.alice)


def test_nobody_stands_in_for_themselves(desk: SimpleNamespace) -> None:
    with pytest.raises(Invalid, match="themselves"):
        stand_in(desk, desk.bob, desk.bob)
    row = stand_in(desk, desk.bob, desk.alice)
    with pytest.raises(IntegrityError, match="delegation_to_somebody_else"), transaction.atomic():
        Delegation.objects.filter(pk=row.pk).update(stand_in_id=desk.bob.id)


def test_whoever_may_not_decide_their_own_cannot_have_it_decided_in_their_place(desk: SimpleNamespace) -> None:
    stand_in(desk, desk.bob, desk.alice)
    request = desk.ask(agent_owner_id=None, requester_id=desk.bob.id)
    with pytest.raises(MayNotVote, match="for whom you stand in, asked for it"):
        desk.yes(request, desk.alice)
    own = desk.ask(agent_owner_id=None, requester_id=desk.alice.id)
    with pytest.raises(MayNotVote, match="You asked for it"):
        desk.yes(own, desk.alice)
    with transaction.atomic():
        assert not Vote.objects.exists()
        assert access.queue(desk.alice, "mine") == []


def test_a_lent_right_is_not_lent_on(desk: SimpleNamespace) -> None:
    stand_in(desk, desk.bob, desk.alice)
    with pytest.raises(Forbidden, match="nothing"):
        stand_in(desk, desk.alice, desk.dana)


def test_only_people_of_the_workspace_stand_in(desk: SimpleNamespace, actor_of: Callable[..., Any]) -> None:
    with pytest.raises(Invalid, match="a person of this workspace"):
        stand_in(desk, desk.bob, actor_of(desk.world.charlie, desk.world.a.tenant))
    with pytest.raises(Forbidden):
        stand_in(desk, actor_of(desk.world.a.bob, desk.world.a.tenant, kind="service"), desk.alice)


@pytest.mark.parametrize("days", [0, -1, 61])
def test_it_ends_and_within_sixty_days(desk: SimpleNamespace, days: int) -> None:
    with pytest.raises(Invalid, match="ends after it starts"):
        stand_in(desk, desk.bob, desk.alice, ends_at=clock.now() + timedelta(days=days))


def test_a_narrow_token_gets_no_right_by_standing_in(desk: SimpleNamespace, actor_of: Callable[..., Any]) -> None:
    stand_in(desk, desk.bob, desk.alice)
    narrow = actor_of(desk.world.a.alice, desk.world.a.tenant, method="token", token_scopes=frozenset({"view"}))
    with pytest.raises(MayNotVote):
        desk.yes(desk.ask(agent_owner_id=None), narrow)
