"""A yes can be taken back and a question withdrawn, until the approval is used."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import DatabaseError, transaction

from approvals import access, services
from approvals.errors import (
    AlreadyDecided,
    ApprovalUnusable,
    MayNotWithdraw,
    NothingToTakeBack,
    NotWithdrawable,
    ReasonNeeded,
    RequestNotFound,
)
from approvals.models import ApprovalRequest, TakenBack
from approvals.types import State, Tier
from evidence.models import Event
from tests.integration.approvals.test_requests import state


def withdraw(desk: SimpleNamespace, request: ApprovalRequest, actor: Any, reason: str = "not needed") -> Any:
    return services.withdraw(request_id=request.pk, actor=actor, reason=reason)


def take_back(request: ApprovalRequest, actor: Any, reason: str = "I looked again") -> Any:
    return services.take_back(request_id=request.pk, actor=actor, reason=reason)


def events(request: ApprovalRequest) -> list[str]:
    with transaction.atomic():
        return list(Event.objects.filter(run_id=request.run_id).order_by("created_at").values_list("type", flat=True))


@pytest.mark.parametrize("role", ["requester_id", "run_starter_id", "agent_owner_id"])
def test_those_behind_a_question_withdraw_it(desk: SimpleNamespace, role: str) -> None:
    request = desk.ask(**{role: desk.bob.id})
    assert withdraw(desk, request, desk.bob).state is State.WITHDRAWN
    assert (state(request), desk.told) == (State.WITHDRAWN, [(str(request.pk), State.WITHDRAWN)])
    with pytest.raises(AlreadyDecided, match="withdrawn"):
        desk.yes(request, desk.carol)
    assert events(request)[-1] == "approval.withdrawn"


def test_a_yes_to_a_question_that_was_withdrawn_cannot_be_used(desk: SimpleNamespace) -> None:
    request = desk.ask()
    desk.yes(request, desk.bob)
    withdraw(desk, request, desk.dana)
    with pytest.raises(ApprovalUnusable):
        desk.use(request)
    with transaction.atomic():
        assert services.approvals_for(request.pk) == []


def test_what_is_used_is_not_withdrawn(desk: SimpleNamespace) -> None:
    request = desk.ask()
    desk.yes(request, desk.bob)
    desk.use(request)
    with pytest.raises(NotWithdrawable):
        withdraw(desk, request, desk.dana)
    with pytest.raises(NothingToTakeBack):
        take_back(request, desk.bob)
    assert state(request) == State.CONSUMED


def test_a_bystander_withdraws_nothing(desk: SimpleNamespace, actor_of: Callable[..., Any]) -> None:
    request = desk.ask()
    with pytest.raises(MayNotWithdraw):
        withdraw(desk, request, desk.bob)
    with pytest.raises(RequestNotFound):
        withdraw(desk, request, actor_of(desk.world.charlie, desk.world.a.tenant))
    with pytest.raises(ReasonNeeded):
        withdraw(desk, request, desk.dana, reason=" ")
    assert (state(request), desk.told) == (State.PENDING, [])


def test_a_yes_that_is_taken_back_in_time_does_not_count(desk: SimpleNamespace) -> None:
    request = desk.ask(tier=Tier.TWO_PERSON)
    desk.yes(request, desk.bob)
    assert take_back(request, desk.bob).state is State.PENDING
    with pytest.raises(AlreadyDecided, match="voted already"):
        desk.yes(request, desk.bob)
    assert desk.yes(request, desk.carol).state is State.PENDING
    assert desk.told == []
    with transaction.atomic():
        assert access.access_request(desk.carol, request.pk).approvals == 1


def test_a_decisive_yes_that_is_taken_back_is_a_no(desk: SimpleNamespace) -> None:
    request = desk.ask()
    desk.yes(request, desk.bob)
    assert take_back(request, desk.bob).state is State.REJECTED
    assert desk.told == [(str(request.pk), State.APPROVED), (str(request.pk), State.REJECTED)]
    with pytest.raises(ApprovalUnusable):
        desk.use(request)
    assert events(request)[-2:] == ["approval.vote_taken_back", "approval.decided"]


def test_nobody_takes_back_what_another_said(desk: SimpleNamespace) -> None:
    request = desk.ask()
    desk.yes(request, desk.bob)
    for person in (desk.carol, desk.dana):
        with pytest.raises(NothingToTakeBack):
            take_back(request, person)
    with pytest.raises(ReasonNeeded):
        take_back(request, desk.bob, reason="")
    assert state(request) == State.APPROVED


def test_what_was_taken_back_stays_on_record(desk: SimpleNamespace) -> None:
    request = desk.ask(tier=Tier.TWO_PERSON)
    desk.yes(request, desk.bob)
    take_back(request, desk.bob)
    for change in (
        lambda: TakenBack.objects.update(reason="x"),
        lambda: TakenBack.objects.all()._raw_delete("default"),
    ):
        with pytest.raises(DatabaseError, match=r"permission denied|append-only"), transaction.atomic():
            change()
