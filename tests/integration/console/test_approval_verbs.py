"""Around a decision on the pages: what changed since, many at once, taking back, withdrawing, standing in."""

import re
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

from approvals.types import State, Tier
from controlplane.lib import clock
from controlplane.lib.canonical import digest
from tests.asking import DISPLAY, HOSTILE, ask, state_of


def vote(client: Any, request: Any, **changes: str) -> Any:
    ballot = {"verdict": "approve", "reason": "", "seen_digest": request.display_digest}
    return client.post(f"/o/a/approvals/{request.id}/", {**ballot, **changes})


def page(client: Any, request: Any) -> str:
    shown: str = client.get(f"/o/a/approvals/{request.id}/").content.decode()
    return shown


def test_the_page_says_on_whose_behalf_and_how_far_it_reaches(signed_in: Any, world: SimpleNamespace) -> None:
    display = {**DISPLAY, "on_behalf_of": "Alice", "blast_radius": "2 fields of one record at servicenow"}
    request = ask(world, display=display, roles=["approver", "auditor"])
    shown = page(signed_in(world.a.bob), request)
    assert "triage agent on behalf of Alice" in shown
    assert "2 fields of one record at servicenow" in shown
    assert "0 of 2 needed; still missing: approver, auditor" in shown


def test_a_changed_action_shows_what_differs_and_keeps_the_old_vote(
    signed_in: Any, world: SimpleNamespace, told: list[str]
) -> None:
    first = ask(world, tier=Tier.TWO_PERSON)
    vote(signed_in(world.a.bob), first, reason=HOSTILE)
    changes = [{**DISPLAY["changes"][0], "after": "software"}, DISPLAY["changes"][1]]
    second = ask(world, call_id=first.call_id, action_digest=digest("new"), display={**DISPLAY, "changes": changes})
    shown = page(signed_in(world.a.carol), second)
    assert "The action has changed since it was voted on" in shown
    assert "<del>network</del>" in shown.split("What is asked now, beside", 1)[1]
    assert "<ins>software</ins>" in shown
    assert "0 of 1 needed" in shown
    assert "<img" not in shown
    old = page(signed_in(world.a.carol), first)
    assert f"/o/a/approvals/{second.id}/" in old
    assert "Approve exactly this" not in old
    assert vote(signed_in(world.a.carol), first).status_code == 409
    assert told == []


def test_decisions_about_the_same_tool_are_shown(signed_in: Any, world: SimpleNamespace, told: list[str]) -> None:
    before = ask(world)
    vote(signed_in(world.a.bob), before, verdict="reject", reason="wrong group")
    shown = page(signed_in(world.a.bob), ask(world))
    assert "The last decisions about this tool" in shown
    assert f"/o/a/approvals/{before.id}/" in shown


def test_many_are_decided_as_they_were_looked_at(signed_in: Any, world: SimpleNamespace, told: list[str]) -> None:
    client = signed_in(world.a.bob)
    first, second, own = ask(world), ask(world), ask(world, requester_id=world.a.bob.id)
    queue = client.get("/o/a/approvals/").content.decode()
    assert queue.count('name="id"') == 2
    where = "/o/a/approvals/selection/?" + "&".join(f"id={one.id}" for one in (first, second, own))
    looked_at = client.get(where).content.decode()
    assert "1 left out" in looked_at
    assert "Decide 2 together" in looked_at
    assert told == []
    token = re.search(r'name="token" value="([^"]+)"', looked_at)
    assert token is not None
    with clock.frozen(clock.now() + timedelta(minutes=1)):
        done = client.post("/o/a/approvals/selection/", {"token": token[1], "verdict": "approve"})
    assert done.status_code == 200
    assert {state_of(world, first), state_of(world, second)} == {State.APPROVED}
    assert state_of(world, own) == State.PENDING
    again = client.post("/o/a/approvals/selection/", {"token": token[1], "verdict": "approve"}).content.decode()
    assert again.count("not decided") == 2
    other = signed_in(world.a.carol).post("/o/a/approvals/selection/", {"token": token[1], "verdict": "approve"})
    assert other.status_code == 409


def test_a_yes_is_taken_back_and_a_question_withdrawn(signed_in: Any, world: SimpleNamespace, told: list[str]) -> None:
    bob, dana = signed_in(world.a.bob), signed_in(world.a.dana)
    request = ask(world, tier=Tier.TWO_PERSON)
    assert "Take my yes back" not in page(bob, request)
    vote(bob, request)
    assert "Take my yes back" in page(bob, request)
    assert bob.post(f"/o/a/approvals/{request.id}/take-back/", {"reason": " "}).status_code == 422
    assert bob.post(f"/o/a/approvals/{request.id}/take-back/", {"reason": "wrong one"}).status_code == 302
    assert "taken back" in page(bob, request)
    assert "Withdraw the question" not in page(bob, request)
    assert bob.post(f"/o/a/approvals/{request.id}/withdraw/", {"reason": "x"}).status_code == 403
    assert dana.post(f"/o/a/approvals/{request.id}/withdraw/", {"reason": "not needed"}).status_code == 302
    assert (state_of(world, request), told) == (State.WITHDRAWN, ["WITHDRAWN"])
    assert "not needed" in page(bob, request)


def test_a_colleague_is_let_in_for_a_day_and_the_page_says_in_whose_place(
    signed_in: Any, world: SimpleNamespace, told: list[str]
) -> None:
    bob, alice = signed_in(world.a.bob), signed_in(world.a.alice)
    request = ask(world, agent_owner_id=None)
    now = clock.now().replace(tzinfo=None, second=0, microsecond=0)
    terms = {
        "workspace": world.a.workspace.slug,
        "stand_in": world.a.alice.username,
        "starts_at": (now - timedelta(minutes=1)).isoformat(),
        "ends_at": (now + timedelta(days=1)).isoformat(),
        "reason": "on leave",
    }
    assert bob.post("/o/a/approvals/delegations/", {**terms, "ends_at": "soon"}).status_code == 422
    assert alice.post("/o/a/approvals/delegations/", {**terms, "stand_in": "bob@a.test"}).status_code == 422
    assert bob.post("/o/a/approvals/delegations/", terms).status_code == 302
    assert "You decide in place of Bob" in page(alice, request)
    vote(alice, request)
    assert "Alice in place of Bob" in page(bob, request)
    listed = bob.get("/o/a/approvals/delegations/").content.decode()
    end = re.search(r'action="([^"]+/end/)"', listed)
    assert end is not None
    assert signed_in(world.a.carol).post(end[1]).status_code == 404
    assert bob.post(end[1]).status_code == 302
    assert "You need the permission" in page(alice, ask(world, agent_owner_id=None))
