"""Ways to get a yes that nobody lawful gave. Each is refused, and nothing has happened."""

import json
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from guardian.shortcuts import assign_perm

from approvals import ports
from approvals.models import ApprovalRequest, Vote
from approvals.types import State, Tier
from controlplane.lib import clock
from controlplane.lib.registry import Port
from tenants import machines, scope, services
from tenants.actors import Actor
from tenants.models import User
from tenants.roles import Role
from tests.asking import ask
from tests.proving import by_code

ALL = ["view", "approve", "approve_high", "operate"]


@pytest.fixture(autouse=True)
def told(monkeypatch: pytest.MonkeyPatch) -> list[State]:
    heard: list[State] = []
    port: Port[ports.Decided] = Port("approvals.decided")
    port.bind(lambda *, run_id, call_id, request_id, state: heard.append(state))
    monkeypatch.setattr(ports, "decided", port)
    return heard


@pytest.fixture
def unharmed(world: SimpleNamespace, told: list[State]) -> Callable[[ApprovalRequest], bool]:
    """The request waits as before, nobody has voted, no run was told."""

    def check(request: ApprovalRequest) -> bool:
        with scope.enter(world.a.tenant.id), transaction.atomic():
            row = ApprovalRequest.objects.get(pk=request.pk)
            return row.state == State.PENDING and not Vote.objects.exists() and told == []

    return check


def bearer(world: SimpleNamespace, actor_of: Callable[..., Any], user: Any, side: Any = None) -> dict[str, str]:
    side = side or world.a
    with scope.enter(side.tenant.id):
        made = services.issue_token(
            user_id=user.id,
            name="attack",
            scopes=ALL,
            lives=timedelta(hours=1),
            actor=actor_of(side.alice, side.tenant),
        )
    return {"Authorization": f"Bearer {made.secret}"}


def by_api(request: ApprovalRequest, headers: dict[str, str], **changes: Any) -> Any:
    body = {"verdict": "approve", "reason": "please", "seen_digest": request.display_digest, **changes}
    path = f"/v1/approvals/{request.pk}/votes"
    return Client().post(path, json.dumps(body), content_type="application/json", headers=headers)


def by_console(request: ApprovalRequest, user: Any, slug: str = "a", **changes: Any) -> Any:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    body = {"verdict": "approve", "reason": "please", "seen_digest": request.display_digest, **changes}
    return client.post(f"/o/{slug}/approvals/{request.pk}/", body)


def made(world: SimpleNamespace, name: str, kind: str, *roles: Role) -> User:
    user = services.create_user(username=f"{name}@a.test", password=None, name=name.title(), kind=kind)
    with scope.enter(world.a.tenant.id):
        installer = Actor.system(world.a.tenant.id, "installer")
        for role in roles:
            services.grant_role(user_id=user.id, role=role, workspace_id=world.a.workspace.id, actor=installer)
        with transaction.atomic():
            assign_perm("tenants.approve_high", user, world.a.workspace)
    return user


Unharmed = Callable[[ApprovalRequest], bool]


@pytest.mark.parametrize("kind", ["service", "agent"])
def test_a_machine_with_the_role_of_an_approver_does_not_decide(
    world: SimpleNamespace, actor_of: Callable[..., Any], unharmed: Unharmed, kind: str
) -> None:
    """Somebody's second account: whatever it was given, it is not a person."""
    request = ask(world)
    machine = made(world, "robot", kind, Role.APPROVER)
    answer = by_api(request, bearer(world, actor_of, machine))
    assert (answer.status_code, answer.json()["detail"]) == (403, "Only people decide.")
    assert by_console(request, machine).status_code in (302, 403, 404)
    assert unharmed(request)


@pytest.mark.parametrize("part", ["requester_id", "run_starter_id", "agent_owner_id"])
def test_whoever_answers_for_a_machine_does_not_approve_what_it_asks(
    world: SimpleNamespace, actor_of: Callable[..., Any], unharmed: Unharmed, part: str
) -> None:
    """Bob's service asks, Bob approves: a second account is the same person."""
    terms = {"kind": "service", "purpose": "tickets", "role": Role.SERVICE, "workspace_id": world.a.workspace.id}
    with scope.enter(world.a.tenant.id):
        boss = actor_of(world.a.alice, world.a.tenant)
        robot = machines.make(name="robot", owner_id=world.a.bob.id, actor=boss, **terms)
    request = ask(world, **{"agent_owner_id": None, part: robot.user_id})
    answer = by_api(request, bearer(world, actor_of, world.a.bob))
    assert (answer.status_code, "You answer for" in answer.json()["detail"]) == (403, True)
    assert by_console(request, world.a.bob).status_code == 403
    assert f'name="id" value="{request.pk}"' not in queue_of(world.a.bob)
    assert unharmed(request)


def queue_of(user: Any) -> str:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client.get("/o/a/approvals/").content.decode()


@pytest.mark.parametrize("part", ["requester_id", "run_starter_id", "agent_owner_id"])
@pytest.mark.parametrize("path", [by_console, None])
def test_whoever_is_behind_it_does_not_decide_even_with_every_role(
    world: SimpleNamespace, actor_of: Callable[..., Any], unharmed: Unharmed, part: str, path: Any
) -> None:
    """The requester as administrator, who may give roles to anybody, themselves included."""
    with scope.enter(world.a.tenant.id):
        boss = actor_of(world.a.alice, world.a.tenant)
        services.grant_role(user_id=boss.id, role=Role.APPROVER, workspace_id=world.a.workspace.id, actor=boss)
    request = ask(world, **{"agent_owner_id": None, part: world.a.alice.id})
    answer = path(request, world.a.alice) if path else by_api(request, bearer(world, actor_of, world.a.alice))
    assert answer.status_code == 403
    assert unharmed(request)


def test_nobody_lends_their_right_to_themselves_or_around_their_exclusion(
    world: SimpleNamespace, actor_of: Callable[..., Any], unharmed: Unharmed
) -> None:
    request = ask(world, agent_owner_id=None, requester_id=world.a.bob.id)
    bob, now = bearer(world, actor_of, world.a.bob), clock.now()
    terms = {"starts_at": now.isoformat(), "ends_at": (now + timedelta(days=1)).isoformat(), "reason": "me"}
    for stand_in, status in ((world.a.bob, 422), (world.a.alice, 201)):
        body = json.dumps({**terms, "stand_in": stand_in.username})
        sent = Client().post("/v1/approval-delegations", body, content_type="application/json", headers=bob)
        assert sent.status_code == status
    assert by_api(request, bob).status_code == 403
    assert by_api(request, bearer(world, actor_of, world.a.alice)).status_code == 403
    assert unharmed(request)


def test_an_operator_behind_broken_glass_decides_nothing(
    world: SimpleNamespace, actor_of: Callable[..., Any], unharmed: Unharmed
) -> None:
    from approvals import services as approvals
    from approvals.errors import MayNotVote
    from approvals.types import Channel, Verdict

    request = ask(world)
    visitor = actor_of(world.a.bob, world.a.tenant, method="break_glass")
    vote = {"verdict": Verdict.APPROVE, "reason": "x", "seen_digest": request.display_digest}
    with scope.enter(world.a.tenant.id):
        for channel in Channel:
            with pytest.raises(MayNotVote):
                approvals.cast_vote(request_id=request.pk, actor=visitor, channel=channel, **vote)
    assert unharmed(request)


def test_a_stolen_session_is_not_the_person(world: SimpleNamespace, unharmed: Unharmed) -> None:
    """A cookie alone, also with a proof that the person gave for another deed."""
    senior = made(world, "sam", "human", Role.APPROVER)
    request = ask(world, tier=Tier.HIGH)
    assert b"second factor" in by_console(request, senior).content
    with scope.enter(world.a.tenant.id):
        actor = Actor("human", senior.id, world.a.tenant.id, senior.label, "session")
        by_code(senior, actor, "f" * 64)
    by_console(request, senior)
    by_console(request, senior, challenge="0" * 36, code="000000")
    assert unharmed(request)


def test_a_token_says_no_high_yes_whoever_it_belongs_to(
    world: SimpleNamespace, actor_of: Callable[..., Any], unharmed: Unharmed
) -> None:
    senior = made(world, "sam", "human", Role.APPROVER)
    request = ask(world, tier=Tier.HIGH)
    with scope.enter(world.a.tenant.id):
        actor = Actor("human", senior.id, world.a.tenant.id, senior.label, "session")
        by_code(senior, actor, request.action_digest)
    answer = by_api(request, bearer(world, actor_of, senior))
    assert (answer.status_code, answer.json()["code"]) == (403, "step_up_required")
    assert answer.json()["console"].endswith(f"/o/a/approvals/{request.pk}/")
    assert unharmed(request)


@pytest.mark.parametrize("seconds", [0, 1, 86_400])
def test_a_vote_after_expiry_is_refused_also_before_the_sweeper_looked(
    world: SimpleNamespace, actor_of: Callable[..., Any], unharmed: Unharmed, seconds: int
) -> None:
    request = ask(world, expires_in_s=600)
    bob = bearer(world, actor_of, world.a.bob)
    with clock.frozen(request.expires_at + timedelta(seconds=seconds)):
        answer = by_api(request, bob) if seconds < 3000 else by_console(request, world.a.bob)
    assert answer.status_code == (409 if seconds < 3000 else answer.status_code)
    assert unharmed(request)


def test_a_request_of_another_tenant_is_not_there_on_any_path(
    world: SimpleNamespace, actor_of: Callable[..., Any], unharmed: Unharmed
) -> None:
    request = ask(world)
    charlie = bearer(world, actor_of, world.charlie, world.b)
    for path in ("votes", "withdrawal", "take-back"):
        body = json.dumps({"verdict": "approve", "reason": "x", "seen_digest": request.display_digest})
        sent = Client().post(
            f"/v1/approvals/{request.pk}/{path}", body, content_type="application/json", headers=charlie
        )
        assert sent.status_code == 404
    assert Client().get(f"/v1/approvals/{request.pk}", headers=charlie).status_code == 404
    assert by_console(request, world.charlie).status_code == 404
    assert by_console(request, world.charlie, slug="b").status_code == 404
    assert unharmed(request)


@pytest.mark.parametrize("seen", ["", "0" * 64])
def test_a_forged_or_stale_digest_decides_nothing(
    world: SimpleNamespace, actor_of: Callable[..., Any], unharmed: Unharmed, seen: str
) -> None:
    request = ask(world)
    assert by_api(request, bearer(world, actor_of, world.a.bob), seen_digest=seen).status_code in (400, 409, 422)
    assert by_console(request, world.a.bob, seen_digest=seen).status_code == 409
    assert unharmed(request)


def test_a_former_approver_decides_nothing(
    world: SimpleNamespace, actor_of: Callable[..., Any], unharmed: Unharmed
) -> None:
    request = ask(world)
    bob = bearer(world, actor_of, world.a.bob)
    User.objects.filter(pk=world.a.bob.id).update(is_active=False)
    assert by_api(request, bob).status_code == 401
    assert by_console(request, world.a.bob).status_code in (302, 404)
    assert unharmed(request)
