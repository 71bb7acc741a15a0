"""Many at once over the API, and the verbs around a vote: withdrawing, taking back, standing in."""

from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client

from approvals import ports
from approvals.types import State, Tier
from controlplane.lib import clock
from controlplane.lib.registry import Port
from tests.asking import ask, state_of

Poster = Callable[..., Any]


@pytest.fixture(autouse=True)
def nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    port: Port[ports.Decided] = Port("approvals.decided")
    port.bind(lambda **_: None)
    monkeypatch.setattr(ports, "decided", port)


def frozen(post: Poster, headers: dict[str, str], *requests: Any) -> dict[str, Any]:
    answer = post("/v1/approval-selections", {"request_ids": [str(one.pk) for one in requests]}, headers)
    assert answer.status_code == 200, answer.content
    found: dict[str, Any] = answer.json()
    return found


def test_a_selection_shows_what_it_decides_and_decides_that(
    world: SimpleNamespace, token: Callable[..., Any], post: Poster
) -> None:
    plain, own, high = ask(world), ask(world, requester_id=world.a.bob.id), ask(world, tier=Tier.HIGH)
    bob = token(world.a.bob)
    made = frozen(post, bob, plain, own, high)
    assert [one["approval"]["id"] for one in made["chosen"]] == [str(plain.pk)]
    assert made["chosen"][0]["display"]["changes"]
    assert {one["approval"]["id"] for one in made["left_out"]} == {str(own.pk), str(high.pk)}
    assert state_of(world, plain) == State.PENDING
    body = {"token": made["token"], "verdict": "approve"}
    (done,) = post("/v1/approval-selections/votes", body, bob).json()
    assert done == {"request_id": str(plain.pk), "state": "APPROVED", "code": "", "detail": ""}
    (again,) = post("/v1/approval-selections/votes", body, bob).json()
    assert again["code"] == "already_decided"
    assert {state_of(world, one) for one in (own, high)} == {State.PENDING}


def test_a_selection_is_for_whoever_made_it(world: SimpleNamespace, token: Callable[..., Any], post: Poster) -> None:
    request = ask(world)
    made = frozen(post, token(world.a.bob), request)
    for name in (made["token"], "", made["token"][:-1]):
        answer = post(
            "/v1/approval-selections/votes", {"token": name or "x", "verdict": "approve"}, token(world.a.carol)
        )
        assert (answer.status_code, answer.json()["code"]) == (409, "selection_invalid")
    assert state_of(world, request) == State.PENDING


def test_a_selection_ages(world: SimpleNamespace, token: Callable[..., Any], post: Poster) -> None:
    request = ask(world, expires_in_s=7200)
    bob = token(world.a.bob)
    made = frozen(post, bob, request)
    with clock.frozen(clock.now() + timedelta(minutes=16)):
        answer = post("/v1/approval-selections/votes", {"token": made["token"], "verdict": "approve"}, bob)
    assert (answer.status_code, state_of(world, request)) == (409, State.PENDING)


def test_foreign_requests_are_in_no_selection(world: SimpleNamespace, token: Callable[..., Any], post: Poster) -> None:
    request = ask(world)
    made = frozen(post, token(world.charlie, world.b), request)
    assert (made["chosen"], made["left_out"]) == ([], [])
    body = {"token": made["token"], "verdict": "approve"}
    assert post("/v1/approval-selections/votes", body, token(world.charlie, world.b)).json() == []
    assert state_of(world, request) == State.PENDING


def test_a_question_is_withdrawn_and_a_yes_taken_back(
    world: SimpleNamespace, token: Callable[..., Any], post: Poster, client: Client
) -> None:
    first, second = ask(world), ask(world, tier=Tier.TWO_PERSON)
    bob, dana = token(world.a.bob), token(world.a.dana)
    refused = post(f"/v1/approvals/{first.pk}/withdrawal", {"reason": "x"}, bob)
    assert (refused.status_code, refused.json()["code"]) == (403, "may_not_withdraw")
    assert post(f"/v1/approvals/{first.pk}/withdrawal", {"reason": "x"}, dana).json()["state"] == "WITHDRAWN"
    vote = {"verdict": "approve", "seen_digest": second.display_digest}
    post(f"/v1/approvals/{second.pk}/votes", vote, bob)
    shown = client.get(f"/v1/approvals/{second.pk}", headers=bob).json()
    assert (shown["may_take_back"], shown["approvals"], shown["alike"][0]["state"]) == (True, 1, "WITHDRAWN")
    assert post(f"/v1/approvals/{second.pk}/take-back", {"reason": "no"}, bob).json()["approvals"] == 0
    shown = client.get(f"/v1/approvals/{second.pk}", headers=bob).json()
    assert (shown["may_take_back"], shown["votes"][0]["taken_back"]) == (False, True)


def test_a_colleague_stands_in_for_a_day(
    world: SimpleNamespace, token: Callable[..., Any], post: Poster, client: Client
) -> None:
    request = ask(world, agent_owner_id=None)
    alice, bob = token(world.a.alice), token(world.a.bob)
    now = clock.now()
    terms = {"starts_at": now.isoformat(), "ends_at": (now + timedelta(days=1)).isoformat(), "reason": "on leave"}
    for name in ("charlie@b.test", "nobody"):
        assert post("/v1/approval-delegations", {**terms, "stand_in": name}, bob).status_code == 422
    made = post("/v1/approval-delegations", {**terms, "stand_in": world.a.alice.username}, bob)
    assert (made.status_code, made.json()["stand_in"]) == (201, world.a.alice.label)
    shown = client.get(f"/v1/approvals/{request.pk}", headers=alice).json()
    assert (shown["may_vote"], shown["in_place_of"]) == (True, world.a.bob.label)
    ended = post(f"/v1/approval-delegations/{made.json()['id']}/end", {}, bob).json()
    assert ended["ended_at"]
    assert not client.get(f"/v1/approvals/{request.pk}", headers=alice).json()["may_vote"]
    (row,) = client.get("/v1/approval-delegations", headers=alice).json()["results"]
    assert row["id"] == made.json()["id"]


def test_whoever_may_not_decide_what_is_high_is_told_so(
    world: SimpleNamespace, token: Callable[..., Any], post: Poster
) -> None:
    request = ask(world, tier=Tier.HIGH)
    vote = {"verdict": "approve", "reason": "x", "seen_digest": request.display_digest}
    answer = post(f"/v1/approvals/{request.pk}/votes", vote, token(world.a.bob))
    assert (answer.status_code, answer.json()["code"]) == (403, "may_not_vote")
    assert state_of(world, request) == State.PENDING
