"""Approve, expire, withdraw, take back, halt, use: however they race, one lawful ending, and a record that agrees."""

import json
import random
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connections, transaction

from approvals import ports, services
from approvals.models import ApprovalRequest, TakenBack, Vote
from approvals.types import Channel, State, Tier, Verdict
from controlplane.lib import clock
from controlplane.lib.errors import DomainError
from controlplane.lib.registry import Port
from evidence.models import Event
from tenants import halts, scope
from tenants.actors import Actor
from tests.asking import ask
from tests.races.threads import THREADS, at_once

pytestmark = pytest.mark.races
ROUNDS = 12


@pytest.fixture
def told(committed_db: str, monkeypatch: pytest.MonkeyPatch) -> list[State]:
    heard: list[State] = []
    port: Port[ports.Decided] = Port("approvals.decided")
    port.bind(lambda *, run_id, call_id, request_id, state: heard.append(state))
    monkeypatch.setattr(ports, "decided", port)
    return heard


def vote(request: Any, actor: Actor, verdict: Verdict = Verdict.APPROVE) -> bool:
    with scope.enter(actor.tenant_id):
        try:
            services.cast_vote(
                request_id=request.pk,
                actor=actor,
                verdict=verdict,
                reason="raced",
                channel=Channel.CONSOLE,
                seen_digest=request.display_digest,
            )
        except DomainError:
            return False
        return True


def test_two_approvers_at_the_quorum_are_one_transition(
    told: list[State], world: SimpleNamespace, actor_of: Callable[..., Any]
) -> None:
    request = ask(world, tier=Tier.TWO_PERSON)
    people = [actor_of(world.a.bob, world.a.tenant), actor_of(world.a.carol, world.a.tenant)] * (THREADS // 2)
    assert sum(at_once(lambda: vote(request, people.pop()))) == 2
    assert told == [State.APPROVED]
    with scope.enter(world.a.tenant.id), transaction.atomic():
        assert Vote.objects.count() == 2
        assert ApprovalRequest.objects.get().state == State.APPROVED


class Contest:
    """Whoever may end a request, each at a moment of their own around its deadline."""

    def __init__(self, world: SimpleNamespace, actor_of: Callable[..., Any]) -> None:
        self.world = world
        self.tenant = world.a.tenant
        self.bob, self.carol, self.dana, self.alice = (
            actor_of(getattr(world.a, name), self.tenant) for name in ("bob", "carol", "dana", "alice")
        )
        self.request = ask(world, tier=Tier.TWO_PERSON, expires_in_s=600)

    def moves(self) -> list[Callable[[], object]]:
        return [
            lambda: vote(self.request, self.bob),
            lambda: vote(self.request, self.carol),
            lambda: vote(self.request, self.carol, Verdict.REJECT),
            self.expire,
            self.expire,
            self.withdraw,
            self.take_back,
            self.use,
            self.use,
            self.halt,
        ]

    def expire(self) -> None:
        with clock.frozen(self.request.expires_at + timedelta(seconds=1)):
            services.expire_due()

    def withdraw(self) -> None:
        self._try(services.withdraw, actor=self.dana, reason="raced")

    def take_back(self) -> None:
        self._try(services.take_back, actor=self.bob, reason="raced")

    def use(self) -> None:
        with scope.enter(self.tenant.id), suppress(DomainError):
            gateway = Actor.system(self.tenant.id, "gateway")
            wanted = {"call_id": self.request.call_id, "action_digest": self.request.action_digest}
            with transaction.atomic():
                services.consume(request_id=self.request.pk, actor=gateway, **wanted)

    def halt(self) -> None:
        with scope.enter(self.tenant.id), suppress(DomainError):
            halts.engage(scope=halts.Scope(halts.Kind.TENANT), mode="freeze", reason="raced", actor=self.dana)

    def _try(self, verb: Callable[..., object], **said: Any) -> None:
        with scope.enter(self.tenant.id), suppress(DomainError):
            verb(request_id=self.request.pk, **said)


def ending_told(events: list[tuple[str, dict[str, Any]]]) -> State:
    """What the record says has become of it, read from its events in their order."""
    state = State.PENDING
    for kind, facts in events:
        if kind == "approval.decided":
            assert state is State.PENDING or (state, facts["state"]) == (State.APPROVED, State.REJECTED)
            state = State(facts["state"])
        if kind == "approval.withdrawn":
            assert state in (State.PENDING, State.APPROVED)
            state = State.WITHDRAWN
        if kind == "approval.consumed":
            assert state is State.APPROVED
            state = State.CONSUMED
    return state


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_whatever_races_it_ends_once_and_the_record_agrees(
    told: list[State], world: SimpleNamespace, actor_of: Callable[..., Any], seed: int
) -> None:
    contest = Contest(world, actor_of)
    moves = contest.moves()
    random.Random(seed).shuffle(moves)
    at_once(lambda: moves.pop()(), threads=len(moves))
    with scope.enter(contest.tenant.id), transaction.atomic():
        row = ApprovalRequest.objects.get()
        found = Event.objects.filter(run_id=row.run_id).order_by("run_seq")
        events = [(event.type, json.loads(bytes(event.body))["data"]) for event in found]
        votes = {vote.voter_id: vote.verdict for vote in Vote.objects.all()}
        back = set(TakenBack.objects.values_list("vote__voter_id", flat=True))
    counts = Counter(kind for kind, _ in events)
    assert ending_told(events) == row.state
    assert counts["approval.vote_cast"] == len(votes) <= 2
    assert counts["approval.consumed"] == (row.state == State.CONSUMED)
    assert counts["approval.vote_taken_back"] == len(back)
    if row.state == State.CONSUMED:
        assert set(votes.values()) == {Verdict.APPROVE}
        assert len(votes) == 2
        assert not back
    if row.state == State.EXPIRED:
        assert sum(verdict == Verdict.APPROVE for voter, verdict in votes.items() if voter not in back) < 2
    assert len(told) == counts["approval.decided"] + counts["approval.withdrawn"]
    connections.close_all()
