"""Passkeys in a real browser with a virtual authenticator (on localhost: a relying party is never an IP address)."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tenants import factors
from tests.authenticators import plug_in, with_password

pytestmark = pytest.mark.browser


def sign_in(page: Page, name: str, password: str) -> None:
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.keyboard.press("Enter")


def test_a_passkey_is_added_signs_in_and_is_removed(visit: Callable, world: SimpleNamespace) -> None:
    visitor = visit(None)
    page = visitor.open("/login/")
    plug_in(page)
    sign_in(page, with_password(world.a.bob), world.password)
    page.wait_for_url("**/o/a/")
    add_passkey(visitor)
    assert factors.held(world.a.bob.id) == {"webauthn"}
    page.goto(visitor.address + "/")
    page.locator("summary", has_text="Bob").click()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.wait_for_url("**/o/a/")
    page.goto(visitor.address + "/account/")
    page.get_by_role("link", name="Remove laptop").click()
    page.get_by_role("button", name="Remove").click()
    expect(page.get_by_text("You have no second factor")).to_be_visible()
    assert factors.held(world.a.bob.id) == set()


def test_after_the_password_the_passkey_is_asked_for(visit: Callable, world: SimpleNamespace) -> None:
    visitor = visit(None)
    page = visitor.open("/login/")
    plug_in(page)
    sign_in(page, with_password(world.a.bob), world.password)
    page.wait_for_url("**/o/a/")
    add_passkey(visitor)
    page.context.clear_cookies()
    visitor.open("/login/")
    sign_in(page, world.a.bob.username, world.password)
    expect(page.get_by_role("heading", name="Second factor")).to_be_visible()
    assert visitor.accessibility() == []
    page.keyboard.press("Enter")
    page.wait_for_url("**/o/a/")


def test_a_passkey_that_is_not_used_says_so_and_signs_nobody_in(visit: Callable, world: SimpleNamespace) -> None:
    visitor = visit(None)
    page = visitor.open("/login/")
    plug_in(page)  # holds no credential of this site
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_text("Nothing was confirmed")).to_be_visible()
    assert page.url.endswith("/login/")


def test_the_account_pages_are_accessible_and_reflow(visit: Callable, world: SimpleNamespace) -> None:
    visitor = visit(None, width=320)
    page = visitor.open("/login/")
    sign_in(page, with_password(world.a.bob), world.password)
    page.wait_for_url("**/o/a/")
    found: dict[str, Any] = {}
    for path in (
        "/account/",
        "/account/code/add/",
        "/account/passkeys/add/",
        "/account/password/",
        "/account/sessions/",
    ):
        visitor.open(path)
        found[path] = [*visitor.accessibility(), *([] if visitor.widest() == 0 else ["too wide"])]
    assert {path: said for path, said in found.items() if said} == {}


def add_passkey(visitor: Any) -> None:
    page = visitor.open("/account/passkeys/add/")
    page.get_by_label("Name").fill("laptop")
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_role("link", name="Remove laptop")).to_be_visible()
