"""Deciding over the API: the same rules as everywhere, the digest included."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from approvals import ports, services
from approvals.models import ApprovalRequest, Vote
from approvals.types import State, Tier
from controlplane.lib import ids
from controlplane.lib.registry import Port
from tenants import scope
from tenants.actors import Actor
from tests.integration.approvals.conftest import ACTION, DISPLAY


@pytest.fixture
def ask(world: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> Callable[..., ApprovalRequest]:
    """A request in A that dana's run asks for."""
    port: Port[ports.Decided] = Port("approvals.decided")
    port.bind(lambda **_: None)
    monkeypatch.setattr(ports, "decided", port)

    def make() -> ApprovalRequest:
        with scope.enter(world.a.tenant.id), transaction.atomic():
            return services.open_request(
                call_id=ids.uuid7(),
                run_id=ids.uuid7(),
                workspace_id=world.a.workspace.id,
                action_digest=ACTION,
                display=DISPLAY,
                tier=Tier.STANDARD,
                requester_id=ids.uuid7(),
                run_starter_id=world.a.dana.id,
                agent_owner_id=None,
                ticket="INC0010001",
                expires_in_s=600,
                policy_revision="triage@7",
                reasons=DISPLAY["reason"],
                actor=Actor.system(world.a.tenant.id, "gateway"),
            )

    return make


def ballot(request: ApprovalRequest, **changes: Any) -> dict[str, Any]:
    return {"verdict": "approve", "seen_digest": request.display_digest, **changes}


def votes(world: SimpleNamespace) -> int:
    with scope.enter(world.a.tenant.id), transaction.atomic():
        return Vote.objects.count()


def state(world: SimpleNamespace, request: ApprovalRequest) -> str:
    with scope.enter(world.a.tenant.id), transaction.atomic():
        return ApprovalRequest.objects.get(pk=request.pk).state


def test_the_queue_pages_and_says_who_may_vote(
    client: Client, world: SimpleNamespace, token: Callable[..., Any], ask: Callable[..., ApprovalRequest]
) -> None:
    asked, bob = [ask() for _ in range(3)], token(world.a.bob)
    first = client.get("/v1/approvals?limit=2", headers=bob).json()
    second = client.get(f"/v1/approvals?limit=2&cursor={first['next_cursor']}", headers=bob).json()
    rows = first["results"] + second["results"]
    assert [row["id"] for row in rows] == [str(request.pk) for request in asked]
    assert (second["next_cursor"], {row["may_vote"] for row in rows}) == (None, {True})
    dana = token(world.a.dana)
    assert client.get("/v1/approvals", headers=dana).json()["results"] == []
    shown = client.get("/v1/approvals?which=all", headers=dana).json()["results"]
    assert {row["why_not"] for row in shown} == {"You started the run, so somebody else must decide."}


def test_one_request_shows_exactly_what_is_bound(
    client: Client, world: SimpleNamespace, token: Callable[..., Any], ask: Callable[..., ApprovalRequest]
) -> None:
    request = ask()
    shown = client.get(f"/v1/approvals/{request.pk}", headers=token(world.a.bob)).json()
    assert (shown["display"], shown["display_digest"]) == (DISPLAY, request.display_digest)


def test_a_vote_counts_once_per_key(
    world: SimpleNamespace, token: Callable[..., Any], ask: Callable[..., ApprovalRequest], post: Callable[..., Any]
) -> None:
    request = ask()
    headers = {**token(world.a.bob), "Idempotency-Key": "vote-1"}
    path = f"/v1/approvals/{request.pk}/votes"
    first, again = (post(path, ballot(request), headers) for _ in range(2))
    assert (first.status_code, first.json()["state"]) == (200, "APPROVED")
    assert (again.json(), again["Idempotent-Replayed"]) == (first.json(), "true")
    assert votes(world) == 1
    late = post(path, ballot(request), token(world.a.carol))
    assert (late.status_code, late.json()["code"]) == (409, "already_decided")


@pytest.mark.parametrize(
    ("person", "changes", "status", "code"),
    [
        ("dana", {}, 403, "may_not_vote"),
        ("alice", {}, 403, "may_not_vote"),
        ("bob", {"seen_digest": "0" * 64}, 409, "stale_display"),
        ("bob", {"verdict": "reject"}, 422, "reason_needed"),
        ("bob", {"verdict": "maybe"}, 400, "invalid"),
        ("bob", {"seen_digest": None}, 400, "invalid"),
    ],
)
def test_a_refused_vote_changes_nothing(
    world: SimpleNamespace,
    token: Callable[..., Any],
    ask: Callable[..., ApprovalRequest],
    post: Callable[..., Any],
    person: str,
    changes: dict[str, Any],
    status: int,
    code: str,
) -> None:
    request = ask()
    answer = post(f"/v1/approvals/{request.pk}/votes", ballot(request, **changes), token(getattr(world.a, person)))
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert (votes(world), state(world, request)) == (0, State.PENDING)


def test_a_foreign_request_is_not_there(
    client: Client,
    world: SimpleNamespace,
    token: Callable[..., Any],
    ask: Callable[..., ApprovalRequest],
    post: Callable[..., Any],
) -> None:
    request, charlie = ask(), token(world.charlie, world.b)
    assert client.get(f"/v1/approvals/{request.pk}", headers=charlie).status_code == 404
    assert post(f"/v1/approvals/{request.pk}/votes", ballot(request), charlie).status_code == 404
    assert client.get("/v1/approvals?which=all", headers=charlie).json()["results"] == []
    assert (votes(world), state(world, request)) == (0, State.PENDING)


@pytest.mark.parametrize("query", ["which=everything", "limit=0", "limit=x", "cursor=!!"])
def test_a_query_that_makes_no_sense_is_refused(
    client: Client, world: SimpleNamespace, token: Callable[..., Any], query: str
) -> None:
    answer = client.get(f"/v1/approvals?{query}", headers=token(world.a.bob))
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
