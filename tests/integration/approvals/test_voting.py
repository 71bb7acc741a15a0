"""Who may say yes to what, and what a vote does. On refusal nothing happens."""

import json
from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import DatabaseError, transaction
from fido2.utils import websafe_decode

from approvals import access, ports, rights, services
from approvals.errors import (
    AlreadyDecided,
    MayNotVote,
    ReasonNeeded,
    RequestExpired,
    RequestNotFound,
    StaleDisplay,
)
from approvals.models import ApprovalRequest, Vote
from approvals.types import Channel, State, Tier
from controlplane.lib import clock, ids
from controlplane.lib.canonical import digest
from controlplane.lib.errors import Invalid
from evidence.models import Event
from metering.models import HumanTime
from tenants import stepup
from tenants.actors import Actor
from tenants.errors import NoSecondFactor, StepUpRequired
from tenants.roles import Role
from tenants.services import grant_role
from tests import proving


def state(request: ApprovalRequest) -> str:
    with transaction.atomic():
        return ApprovalRequest.objects.values_list("state", flat=True).get(pk=request.pk)


def nothing_happened(desk: SimpleNamespace, request: ApprovalRequest) -> bool:
    with transaction.atomic():
        return state(request) == State.PENDING and not Vote.objects.exists() and not desk.told


def test_one_yes_approves_and_tells_the_run(desk: SimpleNamespace) -> None:
    request = desk.ask()
    outcome = desk.yes(request, desk.bob)
    assert (outcome.state, outcome.approvals, outcome.quorum) == (State.APPROVED, 1, 1)
    assert state(request) == State.APPROVED
    assert desk.told == [(str(request.pk), State.APPROVED)]


def test_one_no_rejects(desk: SimpleNamespace) -> None:
    request = desk.ask(tier=Tier.TWO_PERSON)
    desk.yes(request, desk.bob)
    assert desk.no(request, desk.carol).state is State.REJECTED
    assert desk.told == [(str(request.pk), State.REJECTED)]


def test_two_people_means_two_people(desk: SimpleNamespace) -> None:
    request = desk.ask(tier=Tier.TWO_PERSON)
    assert desk.yes(request, desk.bob).state is State.PENDING
    with pytest.raises(AlreadyDecided, match="voted already"):
        desk.yes(request, desk.bob)
    assert desk.told == []
    assert desk.yes(request, desk.carol).state is State.APPROVED


@pytest.mark.parametrize("role", ["requester_id", "run_starter_id", "agent_owner_id"])
@pytest.mark.parametrize("verb", ["yes", "no"])
def test_nobody_decides_their_own(desk: SimpleNamespace, role: str, verb: str) -> None:
    request = desk.ask(**{role: desk.bob.id})
    with pytest.raises(MayNotVote, match="somebody else"):
        getattr(desk, verb)(request, desk.bob)
    assert nothing_happened(desk, request)


@pytest.mark.parametrize("person", ["alice", "dana"])
def test_without_the_permission_nobody_decides(desk: SimpleNamespace, person: str) -> None:
    request = desk.ask(agent_owner_id=None, run_starter_id=ids.uuid7())
    with pytest.raises(MayNotVote, match="Approve"):
        desk.yes(request, getattr(desk, person))
    assert nothing_happened(desk, request)


@pytest.mark.parametrize("kind", ["agent", "service", "system"])
def test_only_people_decide(desk: SimpleNamespace, kind: str, actor_of: Callable[..., Any]) -> None:
    request = desk.ask()
    machine = actor_of(desk.world.a.bob, desk.world.a.tenant, kind=kind)
    with pytest.raises(MayNotVote, match="Only people"):
        desk.yes(request, machine)
    assert nothing_happened(desk, request)


def test_a_token_without_the_scope_does_not_vote(desk: SimpleNamespace, actor_of: Callable[..., Any]) -> None:
    request = desk.ask()
    narrow = actor_of(desk.world.a.bob, desk.world.a.tenant, method="token", token_scopes=frozenset({"view"}))
    with pytest.raises(MayNotVote):
        desk.yes(request, narrow)
    assert nothing_happened(desk, request)


def test_a_stranger_learns_nothing(desk: SimpleNamespace, actor_of: Callable[..., Any]) -> None:
    request = desk.ask()
    with pytest.raises(RequestNotFound):
        desk.yes(request, actor_of(desk.world.charlie, desk.world.a.tenant))
    with pytest.raises(RequestNotFound):
        services.cast_vote(
            request_id=ids.uuid7(),
            actor=desk.bob,
            verdict="approve",
            reason="",
            channel=Channel.API,
            seen_digest="",
        )
    assert nothing_happened(desk, request)


def test_a_request_of_another_tenant_is_not_there(
    desk: SimpleNamespace, actor_of: Callable[..., Any], elsewhere: Callable[..., Any]
) -> None:
    request = desk.ask()
    charlie = actor_of(desk.world.charlie, desk.world.b.tenant)
    with elsewhere(desk.world.b.tenant):
        with pytest.raises(RequestNotFound):
            desk.yes(request, charlie)
        with pytest.raises(RequestNotFound), transaction.atomic():
            access.access_request(charlie, request.pk)
    assert nothing_happened(desk, request)


@pytest.mark.parametrize("seen", ["", "0" * 64, "short", "é"])
def test_a_vote_on_something_else_than_what_was_shown_is_refused(desk: SimpleNamespace, seen: str) -> None:
    request = desk.ask()
    with pytest.raises(StaleDisplay):
        desk.yes(request, desk.bob, seen_digest=seen)
    assert nothing_happened(desk, request)


@pytest.mark.parametrize("reason", ["", "   ", "\n"])
def test_a_no_says_why(desk: SimpleNamespace, reason: str) -> None:
    request = desk.ask()
    with pytest.raises(ReasonNeeded):
        desk.no(request, desk.bob, reason=reason)
    assert nothing_happened(desk, request)


def test_a_novel_is_not_a_reason(desk: SimpleNamespace) -> None:
    request = desk.ask()
    with pytest.raises(Invalid):
        desk.no(request, desk.bob, reason="x" * 1001)
    assert nothing_happened(desk, request)


def test_vote_after_expiry_is_refused(desk: SimpleNamespace) -> None:
    request = desk.ask(expires_in_s=60)
    with clock.frozen(request.expires_at), pytest.raises(RequestExpired):
        desk.yes(request, desk.bob)
    assert nothing_happened(desk, request)
    with clock.frozen(request.expires_at - timedelta(milliseconds=1)):
        assert desk.yes(request, desk.bob).state is State.APPROVED


def test_what_is_decided_stays_decided(desk: SimpleNamespace) -> None:
    request = desk.ask()
    desk.no(request, desk.bob)
    with pytest.raises(AlreadyDecided, match="rejected"):
        desk.yes(request, desk.carol)
    assert state(request) == State.REJECTED


@pytest.fixture
def senior(desk: SimpleNamespace) -> Actor:
    """Carol, who may also decide what is high."""
    installer = Actor.system(desk.world.a.tenant.id, "installer")
    workspace = desk.world.a.workspace.id
    grant_role(user_id=desk.carol.id, role=Role.SENIOR_APPROVER, workspace_id=workspace, actor=installer)
    return desk.carol


def test_a_high_request_needs_the_high_permission(desk: SimpleNamespace) -> None:
    request = desk.ask(tier=Tier.HIGH)
    with pytest.raises(MayNotVote, match="Approve high"):
        desk.yes(request, desk.bob, reason="needed")
    assert nothing_happened(desk, request)


@pytest.mark.parametrize(
    ("channel", "method", "age_s"),
    [
        (Channel.SLACK, "slack", 1),
        (Channel.API, "token", 1),
        (Channel.API, "session", 1),
        (Channel.CONSOLE, "token", 1),
        (Channel.CONSOLE, "session", None),
        (Channel.CONSOLE, "session", 301),
        (Channel.CONSOLE, "session", -1),
    ],
)
def test_a_high_yes_needs_a_fresh_second_factor_in_the_console(
    desk: SimpleNamespace, senior: Actor, channel: Channel, method: str, age_s: int | None, actor_of: Callable[..., Any]
) -> None:
    request = desk.ask(tier=Tier.HIGH)
    if age_s is not None:
        proving.by_passkey(desk.world.a.carol, senior, request.action_digest)
    voter = actor_of(desk.world.a.carol, desk.world.a.tenant, method=method)
    later = clock.now() + timedelta(seconds=age_s or 0)
    with clock.frozen(later), pytest.raises(StepUpRequired) as refused:
        desk.yes(request, voter, channel=channel, reason="needed")
    assert refused.value.extra["console"].endswith(f"/o/a/approvals/{request.pk}/")
    assert nothing_happened(desk, request)


def test_a_high_yes_uses_up_a_proof_of_exactly_this(desk: SimpleNamespace, senior: Actor) -> None:
    request, other = desk.ask(tier=Tier.HIGH), desk.ask(tier=Tier.HIGH, action_digest=digest("other"))
    same = desk.ask(tier=Tier.HIGH)
    proving.by_code(desk.world.a.carol, senior, request.action_digest)
    with pytest.raises(StepUpRequired):
        desk.yes(other, senior, reason="needed")
    assert desk.yes(request, senior, reason="needed").state is State.APPROVED
    with pytest.raises(StepUpRequired):
        desk.yes(same, senior, reason="needed")
    with transaction.atomic():
        assert Vote.objects.get().step_up_method == "totp"


def test_a_yes_that_was_refused_leaves_the_proof_unused(desk: SimpleNamespace, senior: Actor) -> None:
    request = desk.ask(tier=Tier.HIGH)
    proving.by_code(desk.world.a.carol, senior, request.action_digest)
    with pytest.raises(ReasonNeeded):
        desk.yes(request, senior)
    assert desk.yes(request, senior, reason="needed").state is State.APPROVED


def test_the_highest_tier_takes_only_a_passkey_that_signed_the_action(desk: SimpleNamespace, senior: Actor) -> None:
    request = desk.ask(tier=Tier.CRITICAL)
    proving.by_code(desk.world.a.carol, senior, request.action_digest)
    with pytest.raises(StepUpRequired, match="passkey"):
        desk.yes(request, senior, reason="needed")
    assert nothing_happened(desk, request)
    proof = proving.by_passkey(desk.world.a.carol, senior, request.action_digest)
    desk.yes(request, senior, reason="needed")
    signed = json.loads(bytes(proof.assertion))
    challenge = json.loads(websafe_decode(signed["client_data_json"]))["challenge"]
    assert websafe_decode(challenge) == sha256(request.action_digest.encode()).digest()
    with transaction.atomic():
        (cast,) = Event.objects.filter(type="approval.vote_cast")
        told = json.loads(bytes(cast.body))["data"]
    assert (told["step_up"], "assertion" in told) == ("passkey", True)


def test_people_without_a_second_factor_never_pass(desk: SimpleNamespace, senior: Actor) -> None:
    request = desk.ask(tier=Tier.HIGH)
    with pytest.raises(NoSecondFactor):
        stepup.open_challenge(actor=senior, action_digest=request.action_digest)
    with pytest.raises(StepUpRequired):
        desk.yes(request, senior, reason="needed")
    assert nothing_happened(desk, request)


def test_a_high_no_needs_no_second_factor(desk: SimpleNamespace, senior: Actor) -> None:
    assert desk.no(desk.ask(tier=Tier.HIGH), senior, channel=Channel.SLACK).state is State.REJECTED


@pytest.mark.parametrize(("seen_s", "seconds", "measured"), [(42, 42, True), (None, 120, False), (7200, 120, True)])
def test_the_minutes_of_the_approver_are_booked(
    desk: SimpleNamespace, seen_s: int | None, seconds: int, measured: bool
) -> None:
    request = desk.ask()
    with clock.frozen(request.opened_at + timedelta(minutes=2)):
        seen_at = None if seen_s is None else clock.now() - timedelta(seconds=seen_s)
        desk.yes(request, desk.bob, seen_at=seen_at)
    with transaction.atomic():
        booked = HumanTime.objects.get()
    assert (booked.seconds, booked.measured, booked.person_id) == (seconds, measured, desk.bob.id)
    assert (booked.ticket, booked.run_id) == ("INC0010001", request.run_id)


def test_nobody_is_charged_for_a_night(desk: SimpleNamespace) -> None:
    request = desk.ask(expires_in_s=86_400)
    with clock.frozen(request.opened_at + timedelta(hours=9)):
        desk.yes(request, desk.bob)
    with transaction.atomic():
        assert HumanTime.objects.get().seconds == 900


def test_if_the_run_cannot_be_told_nothing_is_decided(desk: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(**_: object) -> None:
        raise RuntimeError("the queue is gone")

    monkeypatch.setattr(ports.decided, "_bound", broken)
    request = desk.ask()
    with pytest.raises(RuntimeError):
        desk.yes(request, desk.bob)
    assert nothing_happened(desk, request)


def test_votes_are_never_changed_or_removed(desk: SimpleNamespace) -> None:
    desk.yes(desk.ask(), desk.bob)
    for change in (lambda: Vote.objects.update(verdict="reject"), lambda: Vote.objects.all()._raw_delete("default")):
        with pytest.raises(DatabaseError, match=r"permission denied|append-only"), transaction.atomic():
            change()


@pytest.mark.parametrize("person", ["alice", "bob", "carol", "dana"])
def test_the_queue_and_the_right_to_vote_say_the_same(desk: SimpleNamespace, person: str) -> None:
    actor = getattr(desk, person)
    requests = [
        desk.ask(),
        desk.ask(tier=Tier.HIGH),
        desk.ask(requester_id=desk.bob.id),
        desk.ask(run_starter_id=desk.carol.id, agent_owner_id=None),
        desk.ask(tier=Tier.TWO_PERSON),
        desk.ask(),
    ]
    desk.yes(requests[4], desk.bob)
    desk.yes(requests[5], desk.carol)
    with transaction.atomic():
        fresh = [ApprovalRequest.objects.get(pk=r.pk) for r in requests]
        mine = [item.request.pk for item in access.queue(actor, "mine")]
        assert mine == [r.pk for r in fresh if rights.may_vote(actor, r)[0]]
        assert [item.request.pk for item in access.queue(actor, "all")] == [r.pk for r in requests[:5]]
        assert [item.request.pk for item in access.queue(actor, "decided")] == [requests[5].pk]
        assert access.waiting(actor) == len(mine)


def test_who_may_not_vote_is_told_why(desk: SimpleNamespace) -> None:
    request = desk.ask()
    with transaction.atomic():
        told = access.access_request(desk.dana, request.pk)
        assert (told.may_vote, told.why_not) == (False, "You started the run, so somebody else must decide.")
        assert access.access_request(desk.bob, request.pk).may_vote


def test_the_queue_pages_by_the_last_id(desk: SimpleNamespace) -> None:
    requests = [desk.ask() for _ in range(5)]
    with transaction.atomic():
        first = access.queue(desk.bob, "all", limit=3)
        second = access.queue(desk.bob, "all", after=first[-1].request.pk, limit=3)
    assert [item.request.pk for item in first + second] == [r.pk for r in requests]
