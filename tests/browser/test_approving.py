"""Approving on the real page, with the real policy, by keyboard alone."""

from collections.abc import Callable
from types import SimpleNamespace

import pytest
from playwright.sync_api import expect

from tests.asking import ask, state_of

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
