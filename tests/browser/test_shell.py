"""The frame of every page: signing in, keys, themes, the kill switch."""

from collections.abc import Callable
from types import SimpleNamespace

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.db import transaction
from playwright.sync_api import expect

from connectors import enforcement
from connectors.models import Enforcement
from tenants import scope
from tests import gateway_ground

pytestmark = pytest.mark.browser


@pytest.fixture
def password(server: str, world: SimpleNamespace) -> str:
    """Bob's password, hashed as the server hashes (the suite's own hasher is a fast one)."""
    hasher = PBKDF2PasswordHasher()
    world.a.bob.password = hasher.encode(world.password, hasher.salt(), iterations=1000)
    world.a.bob.save(update_fields=["password"])
    return world.password


def test_signing_in_by_keyboard_leads_to_the_own_organisation(
    visit: Callable, world: SimpleNamespace, password: str
) -> None:
    page = visit(None).open("/")
    expect(page.get_by_label("Name")).to_be_focused()
    page.keyboard.type("bob@a.test")
    page.keyboard.press("Tab")
    page.keyboard.type(password)
    page.keyboard.press("Enter")
    page.wait_for_url("**/o/a/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Now")


def test_the_skip_link_comes_first_and_leads_to_the_content(visit: Callable, world: SimpleNamespace) -> None:
    page = visit(world.a.bob).open("/o/a/halts/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()


def test_a_sequence_of_keys_goes_to_a_page_unless_somebody_types(visit: Callable, world: SimpleNamespace) -> None:
    page = visit(world.a.bob).open("/o/a/")
    page.keyboard.type("gk")
    page.wait_for_url("**/halts/")
    page.get_by_label("Why").click()
    page.keyboard.type("gn? broken")
    expect(page.get_by_label("Why")).to_have_value("gn? broken")
    assert page.url.endswith("/halts/")


def test_help_opens_and_keys_can_be_switched_off(visit: Callable, world: SimpleNamespace) -> None:
    page = visit(world.a.bob).open("/o/a/")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard")).to_be_visible()
    page.get_by_label("Switch these keys off").check()
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard")).to_be_hidden()


def test_the_theme_is_kept_by_the_server(visit: Callable, world: SimpleNamespace) -> None:
    page = visit(world.a.bob).open("/o/a/")
    page.get_by_text("Bob", exact=True).click()
    page.get_by_role("button", name="Dark theme").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert page.evaluate("() => getComputedStyle(document.body).backgroundColor") == "rgb(15, 19, 24)"


def test_times_are_utc_and_swap_to_local(visit: Callable, world: SimpleNamespace) -> None:
    page = visit(world.a.bob).open("/o/a/")
    made = page.locator("footer time")
    assert made.text_content().endswith("Z")
    made.hover()
    assert made.get_attribute("title")


def test_the_kill_switch_takes_two_steps_by_keyboard_and_two_people_to_release(
    visit: Callable, world: SimpleNamespace
) -> None:
    page = visit(world.a.bob).open("/o/a/halts/")
    page.get_by_label("Why").fill("wrong writes")
    page.get_by_role("button", name="Stop… (you confirm on the next page)").press("Enter")
    expect(page.get_by_role("button", name="Stop now")).to_be_focused()
    expect(page.get_by_text("KILL SWITCH ON")).to_be_hidden()
    page.keyboard.press("Enter")
    expect(page.get_by_role("region", name="Kill switch").first).to_contain_text("wrong writes")
    page.get_by_label("Why it can be released").fill("the cause is fixed")
    page.get_by_role("button", name="Ask for the release").click()
    expect(page.get_by_text("You asked for the release; a second person has to confirm it")).to_be_visible()
    carol = visit(world.a.carol).open("/o/a/halts/")
    carol.get_by_role("button", name="Release as the second person").click()
    expect(carol.get_by_text("Released. Work goes on.")).to_be_visible()


def test_the_light_says_in_words_whether_policy_is_enforced_and_leads_to_why(
    visit: Callable, world: SimpleNamespace, actor_of: Callable
) -> None:
    with scope.enter(world.a.tenant.id):
        gateway_ground.publish(world.a, actor_of(world.a.alice, world.a.tenant))
    page = visit(world.a.bob).open("/o/a/")
    light = page.get_by_role("banner").get_by_role("link", name="Enforcement not yet known")
    light.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/enforcement/")
    expect(page.get_by_text("No canary has run here yet")).to_be_visible()
    enforcement.try_due()
    page.reload()
    expect(page.get_by_role("banner").get_by_text("Policy enforced")).to_be_visible()
    expect(page.get_by_role("cell", name="default_deny")).to_be_visible()
    with scope.enter(world.a.tenant.id), transaction.atomic():
        Enforcement.objects.update(outcome="passed")
    page.reload()
    expect(page.get_by_role("banner").get_by_text("POLICY NOT ENFORCED")).to_be_visible()
