"""An approval is for exactly what was shown: whatever of it changes afterwards, it is void and nothing is sent."""

from collections.abc import Callable
from dataclasses import fields, replace
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from django.db import transaction

from approvals import access
from approvals.models import ApprovalRequest, Vote
from approvals.types import State
from connectors import gateway
from connectors.calls import CallState
from connectors.gateway import decision
from connectors.gateway.binding import Bound
from connectors.gateway.digest import BoundAction
from connectors.models import ToolCall
from tenants import payloads
from tenants.models import Membership
from tenants.services import withdraw_role
from tests import gateway_ground as ground
from tests.stand_ins import StandIns

OTHER = UUID(int=4711)
CHANGED: dict[str, Callable[[BoundAction], Any]] = {
    "tenant": lambda _: OTHER,
    "workspace": lambda _: OTHER,
    "environment": lambda _: OTHER,
    "actor": lambda _: OTHER,
    "on_behalf_of": lambda _: OTHER,
    "instance": lambda _: OTHER,
    "tool": lambda action: f"{action.tool}2",
    "tool_version": lambda _: "9.9.9",
    "schema_hash": lambda _: "0" * 64,
    "args": lambda action: {**action.args, "work_note": "Something else."},
    "target": lambda action: f"{action.target}/other",
    "expected": lambda action: {**action.expected, "category": "changed by others"},
    "undo": lambda action: {**(action.undo or {}), "args": {"sys_id": "another"}},
    "run": lambda _: OTHER,
    "step": lambda _: "another-step",
    "idempotency_key": lambda _: "another-key",
}


DENIED = {"tenant", "workspace"}
"""A bundle answers for its own place only, so nobody is even asked anew."""


@pytest.fixture
def approved(ready: SimpleNamespace, vendors: StandIns, approve: Callable[..., Any]) -> gateway.CallStatus:
    """Bob said yes to an update, and it was not dispatched yet."""
    args = ground.update_args(vendors.incident(category="inquiry"))
    waiting = ground.go(ready, ground.spec_for(ready, "servicenow.incident.update", "servicenow", args))
    approve(ready, waiting.request_id)
    return waiting


def again(side: SimpleNamespace, call: gateway.CallStatus) -> gateway.CallStatus:
    return gateway.advance(call_id=call.call_id, actor=ground.worker(side))


def requests(call: gateway.CallStatus) -> list[ApprovalRequest]:
    with transaction.atomic():
        return list(ApprovalRequest.objects.filter(call_id=call.call_id).order_by("id"))


def bind_as(monkeypatch: pytest.MonkeyPatch, change: Callable[[BoundAction], BoundAction]) -> None:
    """From now on the gateway finds another action behind the call."""
    real = decision.bind

    def bind(*given: Any) -> Bound:
        bound = real(*given)
        return replace(bound, action=change(bound.action))

    monkeypatch.setattr(decision, "bind", bind)


def test_every_bound_field_is_changed_here() -> None:
    assert set(CHANGED) == {field.name for field in fields(BoundAction)}


@pytest.mark.parametrize("name", sorted(CHANGED))
def test_a_changed_field_voids_the_approval_and_nothing_is_sent(
    ready: SimpleNamespace,
    vendors: StandIns,
    approved: gateway.CallStatus,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    bind_as(monkeypatch, lambda action: replace(action, **{name: CHANGED[name](action)}))
    done = again(ready, approved)
    assert ground.writes(vendors) == []
    old, *new = requests(approved)
    if name in DENIED:
        assert (done.state, old.state, new) == (CallState.DENIED, State.VOIDED, [])
    else:
        assert (done.state, old.state, new[0].state) == (CallState.WAITING_APPROVAL, State.VOIDED, State.PENDING)
        assert old.action_digest != new[0].action_digest
    with transaction.atomic():
        assert [vote.request_id for vote in Vote.objects.all()] == [old.pk]


def test_arguments_that_were_changed_in_the_row_are_asked_about_anew(
    ready: SimpleNamespace,
    vendors: StandIns,
    approved: gateway.CallStatus,
    approve: Callable[..., Any],
    actor_of: Callable[..., Any],
) -> None:
    with transaction.atomic():
        call = ToolCall.objects.get(pk=approved.call_id)
        args = payloads.get_json(call.args_digest)
        swapped = payloads.put_json({**args, "fields": {"category": "software"}})
        ToolCall.objects.filter(pk=call.pk).update(args_digest=swapped)
    assert (again(ready, approved).state, ground.writes(vendors)) == (CallState.WAITING_APPROVAL, [])
    old, new = requests(approved)
    with transaction.atomic():
        shown = access.access_request(actor_of(ready.carol, ready.tenant), new.pk)
        before = access.access_request(actor_of(ready.carol, ready.tenant), old.pk)
    assert shown.display is not None
    assert [change["after"] for change in shown.display["changes"] if change["field"] == "category"] == ["software"]
    (earlier,) = shown.earlier
    assert (earlier.request.pk, [vote.voter_label for vote in earlier.votes]) == (old.pk, [ready.bob.label])
    assert (before.later, shown.approvals) == (new.pk, 0)
    approve(ready, new.pk)
    assert again(ready, approved).state is CallState.SUCCEEDED


def test_an_approval_of_somebody_who_may_no_longer_decide_sends_nothing(
    ready: SimpleNamespace, vendors: StandIns, approved: gateway.CallStatus
) -> None:
    with transaction.atomic():
        membership = Membership.objects.get(user_id=ready.bob.id)
    withdraw_role(membership_id=membership.pk, actor=ready.admin)
    done = again(ready, approved)
    assert (done.state, done.code, ground.writes(vendors)) == (CallState.DENIED, "approval_not_accepted", [])
    assert "may no longer decide" in done.detail


def test_a_role_that_is_lost_between_decision_and_dispatch_sends_nothing(
    ready: SimpleNamespace, vendors: StandIns, approved: gateway.CallStatus, monkeypatch: pytest.MonkeyPatch
) -> None:
    from connectors.gateway import progress

    real = progress.dispatch.dispatch

    def dismiss_first(*given: Any, **named: Any) -> Any:
        with transaction.atomic():
            rows = list(Membership.objects.filter(user_id=ready.bob.id).values_list("pk", flat=True))
        for pk in rows:
            withdraw_role(membership_id=pk, actor=ready.admin)
        return real(*given, **named)

    monkeypatch.setattr(progress.dispatch, "dispatch", dismiss_first)
    done = again(ready, approved)
    assert (done.state, done.code, ground.writes(vendors)) == (CallState.DENIED, "approval_unusable", [])
    (request,) = requests(approved)
    assert request.state == State.VOIDED


def test_what_was_withdrawn_after_the_yes_is_not_sent(
    ready: SimpleNamespace, vendors: StandIns, approved: gateway.CallStatus, actor_of: Callable[..., Any]
) -> None:
    from approvals.services import withdraw

    withdraw(request_id=approved.request_id, actor=actor_of(ready.dana, ready.tenant), reason="not needed")
    done = again(ready, approved)
    assert (done.state, done.code, ground.writes(vendors)) == (CallState.REJECTED, "approval_withdrawn", [])
