"""The page on which a person decides: shows everything, takes exactly one kind of answer."""

from types import SimpleNamespace

import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tenants import scope
from tenants.models import WorkspaceUserPermission
from tests.asking import DISPLAY, ask, state_of


def answer(client: Client, request: object, **changes: str):
    ballot = {"verdict": "approve", "reason": "", "seen_digest": request.display_digest}
    return client.post(f"/o/a/approvals/{request.id}/", {**ballot, **changes})


def test_the_page_shows_what_why_and_how_it_is_undone(signed_in, world: SimpleNamespace) -> None:
    request = ask(world)
    page = signed_in(world.a.bob).get(f"/o/a/approvals/{request.id}/").content.decode()
    for said in (
        "inquiry",
        "network",
        "41 fields unchanged",
        "Writes need a person",
        "Puts the category back",
        "triage@7",
    ):
        assert said in page
    assert request.display_digest in page


def test_nothing_is_preselected(signed_in, world: SimpleNamespace) -> None:
    page = signed_in(world.a.bob).get(f"/o/a/approvals/{ask(world).id}/").content.decode()
    assert "checked" not in page.split("<main", 1)[1].split("</main>", 1)[0]


def test_one_yes_decides_and_the_run_is_told(signed_in, world: SimpleNamespace, told: list[str]) -> None:
    request = ask(world)
    assert answer(signed_in(world.a.bob), request).headers["Location"] == "/o/a/approvals/"
    assert state_of(world, request) == "APPROVED"
    assert told == ["APPROVED"]


def test_a_no_needs_a_comment(signed_in, world: SimpleNamespace, told: list[str]) -> None:
    request = ask(world)
    assert answer(signed_in(world.a.bob), request, verdict="reject").status_code == 422
    assert state_of(world, request) == "PENDING"
    assert answer(signed_in(world.a.bob), request, verdict="reject", reason="wrong group").status_code == 302
    assert told == ["REJECTED"]


def test_an_answer_to_something_else_is_refused_with_the_present_diff(signed_in, world, told: list[str]) -> None:
    request = ask(world)
    page = answer(signed_in(world.a.bob), request, seen_digest="0" * 64)
    assert page.status_code == 409
    assert request.display_digest in page.content.decode()
    assert state_of(world, request) == "PENDING"
    assert told == []


def test_who_may_not_decide_reads_why_and_finds_no_button(signed_in, world: SimpleNamespace, told: list[str]) -> None:
    request = ask(world)
    page = signed_in(world.a.dana).get(f"/o/a/approvals/{request.id}/").content.decode()
    assert "You started the run, so somebody else must decide." in page
    assert "data-approve" not in page
    assert answer(signed_in(world.a.dana), request).status_code == 403
    assert state_of(world, request) == "PENDING"


def test_a_stranger_finds_no_request(signed_in, world: SimpleNamespace, told: list[str]) -> None:
    request = ask(world)
    assert signed_in(world.charlie).get(f"/o/a/approvals/{request.id}/").status_code == 404
    assert signed_in(world.charlie).get(f"/o/b/approvals/{request.id}/").status_code == 404
    assert answer(signed_in(world.charlie), request).status_code == 404
    assert state_of(world, request) == "PENDING"


def test_text_from_outside_is_shown_as_text(signed_in, world: SimpleNamespace) -> None:
    page = signed_in(world.a.bob).get(f"/o/a/approvals/{ask(world).id}/").content.decode()
    assert "<img" not in page
    assert "&lt;img src=x" in page


def test_the_queue_is_paged_by_key_and_keeps_its_tab(signed_in, world: SimpleNamespace) -> None:
    for number in range(51):
        ask(world, display={**DISPLAY, "title": f"Question {number}"})
    page = signed_in(world.a.bob).get("/o/a/approvals/?show=all")
    assert page.content.decode().count("data-row") == 50
    assert page.context["older"].startswith("?before=")
    second = signed_in(world.a.bob).get("/o/a/approvals/" + page.context["older"])
    assert second.content.decode().count("data-row") == 1
    assert second.context["show"] == "all"


ASKED = 20
"""Statements of one page of the queue at most, the savepoints of the test apart."""


def _asked(client: Client, path: str) -> int:
    with CaptureQueriesContext(connection) as seen:
        assert client.get(path).status_code == 200
    return sum("SAVEPOINT" not in query["sql"] for query in seen.captured_queries)


@pytest.mark.parametrize("show", ["mine", "all", "decided"])
def test_a_longer_queue_asks_no_more(signed_in, world: SimpleNamespace, told: list[str], show: str) -> None:
    bob, carol = signed_in(world.a.bob), signed_in(world.a.carol)
    for _ in range(2):
        ask(world)
        answer(bob, ask(world))
    few = _asked(carol, f"/o/a/approvals/?show={show}")
    for _ in range(8):
        ask(world)
        answer(bob, ask(world))
    assert _asked(carol, f"/o/a/approvals/?show={show}") == few <= ASKED


def test_a_page_forgets_what_it_asked(signed_in, world: SimpleNamespace) -> None:
    """What somebody may do is asked once per page, and again for the next one."""
    request, carol = ask(world), signed_in(world.a.carol)
    assert "data-approve" in carol.get(f"/o/a/approvals/{request.id}/").content.decode()
    with scope.enter(world.a.tenant.id), transaction.atomic():
        WorkspaceUserPermission.objects.filter(user_id=world.a.carol.id, permission__codename="approve").delete()
    assert "data-approve" not in carol.get(f"/o/a/approvals/{request.id}/").content.decode()
