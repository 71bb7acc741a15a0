"""Approving on the real page, with the real policy, by keyboard alone."""

from collections.abc import Callable
from types import SimpleNamespace

import pytest
from django.db import transaction
from playwright.sync_api import expect

from approvals.models import Vote
from tenants import scope
from tests.asking import DISPLAY, ask, state_of

pytestmark = pytest.mark.browser


def test_a_run_is_approved_by_keyboard_alone(visit: Callable, world: SimpleNamespace) -> None:
    request = ask(world)
    page = visit(world.a.bob).open("/o/a/")
    page.keyboard.type("ga")
    page.wait_for_url("**/approvals/")
    page.keyboard.press("j")
    expect(page.get_by_role("link", name="Update incident INC0010001")).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/approvals/{request.id}/")
    page.keyboard.press("a")
    expect(page.get_by_role("button", name="Approve exactly this")).to_be_focused()
    assert state_of(world, request) == "PENDING"  # the key moved the focus, it decided nothing
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").filter(has_text="Approved.")).to_be_visible()
    assert state_of(world, request) == "APPROVED"


def test_a_rejection_by_keyboard_asks_for_a_comment_first(visit: Callable, world: SimpleNamespace) -> None:
    request = ask(world)
    page = visit(world.a.bob).open(f"/o/a/approvals/{request.id}/")
    page.keyboard.press("r")
    expect(page.get_by_label("Why not")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert state_of(world, request) == "PENDING"
    page.get_by_label("Why not").fill("the wrong group")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Rejected: nothing will be written.")).to_be_visible()
    assert state_of(world, request) == "REJECTED"


def test_a_page_that_is_no_longer_true_decides_nothing_and_leads_to_the_new_diff(
    visit: Callable, world: SimpleNamespace
) -> None:
    first = ask(world)
    page = visit(world.a.bob).open(f"/o/a/approvals/{first.id}/")
    changes = [{**DISPLAY["changes"][0], "after": "software"}]
    second = ask(world, call_id=first.call_id, action_digest="c" * 64, display={**DISPLAY, "changes": changes})
    page.get_by_role("button", name="Approve exactly this").click()
    expect(page.get_by_role("alert").filter(has_text="no longer asked")).to_be_visible()
    page.get_by_role("link", name="See what is asked now").click()
    page.wait_for_url(f"**/approvals/{second.id}/")
    expect(page.get_by_role("heading", name="The action has changed")).to_be_visible()
    expect(page.get_by_role("row").filter(has_text="software").first).to_be_visible()
    assert (state_of(world, first), state_of(world, second)) == ("VOIDED", "PENDING")
    assert votes(world) == 0


def test_of_two_windows_one_decides_and_the_other_is_told(visit: Callable, world: SimpleNamespace) -> None:
    request = ask(world)
    bob, carol = (visit(who).open(f"/o/a/approvals/{request.id}/") for who in (world.a.bob, world.a.carol))
    bob.get_by_role("button", name="Approve exactly this").click()
    expect(bob.get_by_text("Approved.").first).to_be_visible()
    carol.get_by_role("button", name="Approve exactly this").click()
    expect(carol.get_by_role("alert").filter(has_text="already approved")).to_be_visible()
    assert (state_of(world, request), votes(world)) == ("APPROVED", 1)


def test_many_are_chosen_looked_at_and_decided_by_keyboard(visit: Callable, world: SimpleNamespace) -> None:
    requests = [ask(world), ask(world)]
    page = visit(world.a.bob).open("/o/a/approvals/")
    for box in page.get_by_role("checkbox", name="Choose Update incident").all():
        box.focus()
        page.keyboard.press("Space")
    page.get_by_role("button", name="Look at those chosen together").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Decide 2 together")).to_be_visible()
    page.keyboard.press("a")
    expect(page.get_by_role("button", name="Approve exactly these")).to_be_focused()
    assert votes(world) == 0
    page.keyboard.press("Enter")
    expect(page.get_by_role("table").filter(has_text="What became of each")).to_be_visible()
    assert {state_of(world, request) for request in requests} == {"APPROVED"}


def votes(world: SimpleNamespace) -> int:
    with scope.enter(world.a.tenant.id), transaction.atomic():
        return Vote.objects.count()


def test_text_of_a_ticket_stays_text(visit: Callable, world: SimpleNamespace) -> None:
    request = ask(world)
    visitor = visit(world.a.bob)
    requests: list[str] = []
    visitor.page.on("request", lambda sent: requests.append(sent.url))
    page = visitor.open(f"/o/a/approvals/{request.id}/")
    expect(page.get_by_text("<img src=x onerror")).to_be_visible()
    page.wait_for_timeout(300)
    assert page.title() != "1"
    assert [url for url in requests if "stolen" in url or url.endswith("/x")] == []


def test_markup_without_the_nonce_of_the_page_does_nothing(visit: Callable, world: SimpleNamespace) -> None:
    """The second wall: even markup that got into the page unescaped is not acted on."""
    visitor = visit(world.a.bob)
    page = visitor.open("/o/a/approvals/")
    requests: list[str] = []
    page.on("request", lambda sent: requests.append(sent.url))
    page.evaluate(
        """() => {
            const box = document.createElement("div");
            box.setAttribute("hx-get", "/stolen");
            box.setAttribute("hx-trigger", "load");
            document.querySelector("main").append(box);
            htmx.process(box);
        }"""
    )
    page.wait_for_timeout(300)
    assert [url for url in requests if "stolen" in url] == []
    assert [said for said in visitor.complaints if "hx-csp" in said] != []
    visitor.complaints = [said for said in visitor.complaints if "hx-csp" not in said]
