"""A request is bound to exactly one action and used once; running out of time is never a yes."""

from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.db import transaction

from approvals import access, services
from approvals.errors import ApprovalUnusable
from approvals.models import ApprovalRequest
from approvals.types import State
from controlplane.lib import clock, ids
from controlplane.lib.canonical import digest
from tenants import halts, payloads
from tests.integration.approvals.conftest import ACTION, DISPLAY


def state(request: ApprovalRequest) -> str:
    with transaction.atomic():
        return ApprovalRequest.objects.values_list("state", flat=True).get(pk=request.pk)


def told(request: ApprovalRequest) -> list[dict[str, object]]:
    with transaction.atomic():
        return services.approvals_for(request.pk)


def test_asking_twice_for_the_same_is_asking_once(desk: SimpleNamespace) -> None:
    first = desk.ask()
    again = desk.ask(call_id=first.call_id, display={**DISPLAY, "unchanged": 5})
    assert (again.pk, again.display_digest) == (first.pk, digest(DISPLAY))


@pytest.mark.parametrize("approved", [False, True])
def test_asking_for_something_else_takes_the_earlier_question_back(desk: SimpleNamespace, approved: bool) -> None:
    first = desk.ask()
    if approved:
        desk.yes(first, desk.bob)
    second = desk.ask(call_id=first.call_id, action_digest=digest("other"))
    assert (state(first), state(second)) == (State.VOIDED, State.PENDING)
    with pytest.raises(ApprovalUnusable):
        desk.use(first)


def test_what_was_shown_is_frozen_under_its_digest(desk: SimpleNamespace) -> None:
    request = desk.ask()
    assert request.display_digest == digest(DISPLAY)
    with transaction.atomic():
        assert access.access_request(desk.bob, request.pk).display == DISPLAY
        payloads.forget([request.display_digest])
        assert access.access_request(desk.bob, request.pk).display is None


def test_an_approval_is_used_once(desk: SimpleNamespace) -> None:
    request = desk.ask()
    desk.yes(request, desk.bob)
    desk.use(request)
    assert state(request) == State.CONSUMED
    with pytest.raises(ApprovalUnusable):
        desk.use(request)


@pytest.mark.parametrize(
    "other", [{"action_digest": digest("other")}, {"call_id": ids.uuid7()}, {"request_id": ids.uuid7()}]
)
def test_an_approval_is_good_for_nothing_else(desk: SimpleNamespace, other: dict[str, object]) -> None:
    request = desk.ask()
    desk.yes(request, desk.bob)
    with pytest.raises(ApprovalUnusable):
        desk.use(request, **other)
    assert state(request) == State.APPROVED


@pytest.mark.parametrize("verb", [None, "no", "void", "expire"])
def test_without_a_yes_there_is_nothing_to_use(desk: SimpleNamespace, verb: str | None) -> None:
    request = desk.ask()
    if verb == "no":
        desk.no(request, desk.bob)
    if verb == "void":
        with transaction.atomic():
            services.void(request_id=request.pk, reason="the run was cancelled", actor=desk.gateway)
    if verb == "expire":
        with clock.frozen(request.expires_at):
            services.expire_due()
    with pytest.raises(ApprovalUnusable):
        desk.use(request)
    assert told(request) == []


def test_the_policy_is_told_who_approved_what_and_when(desk: SimpleNamespace) -> None:
    request = desk.ask()
    assert told(request) == []
    with clock.frozen(request.opened_at + timedelta(microseconds=7)):
        desk.yes(request, desk.bob)
        assert told(request) == [
            {
                "request_id": str(request.pk),
                "action_digest": ACTION,
                "approvers": [str(desk.bob.id)],
                "votes": [{"person": str(desk.bob.id), "roles": ["approver"]}],
                "reasoned": False,
                "tier": "standard",
                "decided_at_ns": clock.now_ns(),
            }
        ]
    desk.use(request)
    assert told(request) == []


def test_a_used_approval_cannot_be_taken_back(desk: SimpleNamespace) -> None:
    request = desk.ask()
    desk.yes(request, desk.bob)
    desk.use(request)
    with transaction.atomic():
        services.void(request_id=request.pk, reason="too late", actor=desk.gateway)
    assert state(request) == State.CONSUMED


def test_running_out_of_time_is_a_no_that_tells_the_run(desk: SimpleNamespace) -> None:
    request, later = desk.ask(expires_in_s=60), desk.ask(expires_in_s=600)
    with clock.frozen(request.expires_at):
        assert services.expire_due() == 1
        assert services.expire_due() == 0
    assert (state(request), state(later)) == (State.EXPIRED, State.PENDING)
    assert desk.told == [(str(request.pk), State.EXPIRED)]


def test_expiry_does_not_touch_what_is_decided(desk: SimpleNamespace) -> None:
    request = desk.ask(expires_in_s=60)
    desk.yes(request, desk.bob)
    with clock.frozen(request.expires_at + timedelta(days=1)):
        assert services.expire_due() == 0
    assert state(request) == State.APPROVED


@pytest.mark.parametrize(
    ("kind", "value", "frozen"),
    [("tenant", "", True), ("tool", "servicenow.incident.update", True), ("tool", "slack.message.post", False)],
)
def test_a_halt_stops_the_clock_of_what_it_concerns(desk: SimpleNamespace, kind: str, value: str, frozen: bool) -> None:
    request = desk.ask(expires_in_s=60, halt_scopes=[("tool", "servicenow.incident.update")])
    where = halts.Scope(halts.Kind(kind), value)
    with clock.frozen(request.opened_at + timedelta(seconds=20)):
        halt = halts.engage(scope=where, mode="freeze", reason="drill", actor=desk.dana)
    with clock.frozen(request.expires_at + timedelta(hours=1)):
        assert services.expire_due() == (0 if frozen else 1)
        halts.request_release(halt_id=halt.pk, reason="over", actor=desk.dana)
        halts.release(halt_id=halt.pk, actor=desk.bob)
    if not frozen:
        return
    with clock.frozen(request.expires_at + timedelta(hours=1, seconds=39)):
        services.expire_due()
        assert state(request) == State.PENDING
    with clock.frozen(request.expires_at + timedelta(hours=1, seconds=46)):
        assert services.expire_due() == 1
    assert state(request) == State.EXPIRED


def test_a_vote_during_a_halt_counts_within_the_time_that_was_left(desk: SimpleNamespace) -> None:
    request = desk.ask(expires_in_s=60)
    with clock.frozen(request.opened_at + timedelta(seconds=20)):
        halts.engage(scope=halts.Scope(halts.Kind.TENANT), mode="freeze", reason="drill", actor=desk.dana)
    with clock.frozen(request.expires_at + timedelta(hours=1)):
        assert desk.yes(request, desk.bob).state is State.APPROVED
