"""A request that waits: a reminder, an escalation, and then a no. Each is told once and stands in the record."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import transaction

from approvals import people, ports, services
from approvals.models import ApprovalRequest
from approvals.types import Stage, State, Tier
from controlplane.lib import clock
from evidence.models import Event
from tenants import halts
from tests.integration.approvals.test_requests import state

HOUR = 3600


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Stage, set[Any]]]:
    said: list[tuple[Stage, set[Any]]] = []
    told = lambda *, request_id, stage, asked, deadline: said.append((stage, set(asked)))  # noqa: E731
    monkeypatch.setattr(ports.nudged, "_bound", told)
    return said


def look(request: ApprovalRequest, minutes: float) -> None:
    with clock.frozen(request.opened_at + timedelta(minutes=minutes)):
        services.expire_due()


def test_people_are_reminded_then_it_is_escalated_then_it_is_a_no(desk: SimpleNamespace, heard: list[Any]) -> None:
    request = desk.ask(expires_in_s=HOUR)
    both = {desk.bob.id, desk.carol.id}
    for minutes in (29, 30, 31, 47, 48, 49, 59):
        look(request, minutes)
    assert heard == [(Stage.REMINDER, both), (Stage.ESCALATION, both)]
    look(request, 60)
    assert (state(request), desk.told) == (State.EXPIRED, [(str(request.pk), State.EXPIRED)])
    with transaction.atomic():
        found = Event.objects.filter(run_id=request.run_id).order_by("created_at").values_list("type", flat=True)
        assert list(found)[1:] == ["approval.reminded", "approval.reminded", "approval.decided"]


def test_only_those_who_have_not_voted_are_reminded(desk: SimpleNamespace, heard: list[Any]) -> None:
    request = desk.ask(expires_in_s=HOUR, tier=Tier.TWO_PERSON)
    desk.yes(request, desk.bob)
    look(request, 31)
    assert heard == [(Stage.REMINDER, {desk.carol.id})]


def test_nobody_is_reminded_of_what_is_decided(desk: SimpleNamespace, heard: list[Any]) -> None:
    request = desk.ask(expires_in_s=HOUR)
    desk.yes(request, desk.bob)
    look(request, 31)
    assert heard == []


def test_while_a_halt_stands_nobody_is_pressed(desk: SimpleNamespace, heard: list[Any]) -> None:
    request = desk.ask(expires_in_s=HOUR)
    with clock.frozen(request.opened_at + timedelta(minutes=10)):
        halts.engage(scope=halts.Scope(halts.Kind.TENANT), mode="freeze", reason="drill", actor=desk.dana)
    for minutes in (31, 49, 61, 300):
        look(request, minutes)
    assert (heard, state(request)) == ([], State.PENDING)


def test_whoever_stands_in_is_asked_too(desk: SimpleNamespace) -> None:
    from tests.integration.approvals.test_delegation import stand_in

    request = desk.ask(agent_owner_id=None)
    stand_in(desk, desk.bob, desk.alice)
    with transaction.atomic():
        fresh = ApprovalRequest.objects.get(pk=request.pk)
        assert set(people.who_could_decide(fresh)) == {desk.bob.id, desk.carol.id, desk.alice.id}
        assert people.who_administers(fresh) == [desk.alice.id]
