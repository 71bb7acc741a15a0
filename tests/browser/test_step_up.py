"""Step-up on the real page, in a real browser: by keyboard with a passkey, and for people who sign in elsewhere."""

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest
from allauth.socialaccount.models import SocialAccount
from django.db import transaction
from playwright.sync_api import Page, expect

from approvals.models import Vote
from approvals.types import Tier
from tenants import scope, services, sso, stepup, vault
from tenants.models import StepUp
from tenants.roles import Role
from tests.asking import ask, state_of
from tests.authenticators import plug_in, with_password
from tests.deciding import person
from tests.identity_providers import CLIENT, SECRET, running

pytestmark = pytest.mark.browser
TITLE = "Update incident INC0010001"


@pytest.fixture
def senior(world: SimpleNamespace) -> Any:
    """Bob, who may decide high tiers."""
    give(world, world.a.bob, Role.SENIOR_APPROVER)
    return world.a.bob


def give(world: SimpleNamespace, user: Any, role: Role) -> None:
    with scope.enter(world.a.tenant.id):
        alice, place = person(world, "alice"), world.a.workspace.id
        services.grant_role(user_id=user.id, role=role, workspace_id=place, actor=alice)


def sign_in_with_a_new_passkey(visitor: Any, user: Any, password: str) -> Page:
    page = visitor.open("/login/")
    plug_in(page)
    page.get_by_label("Name").fill(with_password(user))
    page.get_by_label("Password").fill(password)
    page.keyboard.press("Enter")
    page.wait_for_url("**/o/a/")
    visitor.open("/account/passkeys/add/")
    page.get_by_label("Name").fill("laptop")
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_role("link", name="Remove laptop")).to_be_visible()
    return page


def proofs(world: SimpleNamespace) -> list[StepUp]:
    with scope.enter(world.a.tenant.id), transaction.atomic():
        return list(StepUp.objects.all())


def decide(page: Page, address: str, request: Any) -> None:
    page.goto(f"{address}/o/a/approvals/{request.id}/")
    page.get_by_label("Why (policy").fill("It is urgent.")
    page.get_by_role("button", name="Approve exactly this").click()


def test_a_high_risk_is_approved_by_keyboard_alone_in_five_keystrokes_and_a_passkey(
    visit: Callable, world: SimpleNamespace, senior: Any
) -> None:
    request = ask(world, tier=Tier.HIGH)
    visitor = visit(None)
    page = sign_in_with_a_new_passkey(visitor, senior, world.password)
    visitor.open("/o/a/")
    for key in ("j", "Enter"):
        page.keyboard.press(key)
    page.wait_for_url(f"**/approvals/{request.id}/")
    page.keyboard.press("a")
    page.keyboard.type("It is urgent.")
    for key in ("Tab", "Enter"):
        page.keyboard.press(key)
    expect(page.get_by_role("heading", name="Confirm with your second factor")).to_be_visible()
    assert state_of(world, request) == "PENDING"
    assert visitor.accessibility() == []
    expect(page.get_by_role("button", name="Confirm with your passkey")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").filter(has_text="Approved.")).to_be_visible()
    assert state_of(world, request) == "APPROVED"
    (proof,) = proofs(world)
    assert (proof.method, proof.action_digest, proof.used_at is not None) == ("passkey", request.action_digest, True)


def test_without_a_second_factor_the_page_says_what_to_do_and_records_nothing(
    visit: Callable, world: SimpleNamespace, senior: Any
) -> None:
    request = ask(world, tier=Tier.HIGH)
    visitor = visit(senior)
    page = visitor.open(f"/o/a/approvals/{request.id}/")
    decide(page, visitor.address, request)
    expect(page.get_by_text("You have no second factor")).to_be_visible()
    expect(page.get_by_role("link", name="your account")).to_be_visible()
    assert visitor.accessibility() == []
    assert (state_of(world, request), proofs(world)) == ("PENDING", [])


def test_when_the_question_has_changed_meanwhile_the_proof_decides_nothing(
    visit: Callable, world: SimpleNamespace, senior: Any
) -> None:
    request = ask(world, tier=Tier.HIGH)
    visitor = visit(None)
    page = sign_in_with_a_new_passkey(visitor, senior, world.password)
    decide(page, visitor.address, request)
    button = page.get_by_role("button", name="Confirm with your passkey")
    expect(button).to_be_visible()
    ask(world, tier=Tier.HIGH, call_id=request.call_id, action_digest="e" * 64)
    button.click()
    expect(page.get_by_role("alert").filter(has_text="asked")).to_be_visible()
    with scope.enter(world.a.tenant.id), transaction.atomic():
        assert not Vote.objects.exists()


class Organisation:
    """Tenant A signs in at a real provider; Erin is known there, and here she may decide high tiers."""

    def __init__(self, world: SimpleNamespace, issuer: str, *, step_up: bool) -> None:
        self.issuer = issuer
        with scope.enter(world.a.tenant.id):
            alice = person(world, "alice")
            vault.store(name=sso.CREDENTIAL, secret=SECRET.encode(), actor=alice)
            sso.set_provider(issuer=issuer, client_id=CLIENT, step_up=step_up, actor=alice)
        self.erin = services.create_user(username="erin@a.sso", password=None, name="Erin")
        SocialAccount.objects.create(provider=str(world.a.tenant.id), uid="erin", user=self.erin)
        give(world, self.erin, Role.SENIOR_APPROVER)

    def sign_in(self, page: Page, *, methods: str) -> None:
        page.wait_for_url(f"{self.issuer}/interaction/**")
        page.get_by_label("Who").fill("erin")
        page.get_by_label("Methods").fill(methods)
        page.get_by_role("button", name="Sign in").click()


@pytest.fixture
def organisation(server: str, world: SimpleNamespace) -> Iterator[Callable[..., Organisation]]:
    with running(f"{server}/login/sso/a/callback/") as issuer:
        yield lambda *, step_up: Organisation(world, issuer, step_up=step_up)


def arrive(visitor: Any, organisation: Organisation) -> Page:
    visitor.also_allowed = urlsplit(organisation.issuer).netloc
    page: Page = visitor.open("/login/sso/?organisation=a")
    page.get_by_role("link", name="Go on").click()
    organisation.sign_in(page, methods="pwd")
    page.wait_for_url("**/o/a/")
    return page


def test_somebody_who_signs_in_elsewhere_steps_up_there(
    visit: Callable, world: SimpleNamespace, organisation: Callable[..., Organisation]
) -> None:
    place, request = organisation(step_up=True), ask(world, tier=Tier.HIGH)
    visitor = visit(None)
    page = arrive(visitor, place)
    decide(page, visitor.address, request)
    page.get_by_role("link", name="Sign in again at your organisation").click()
    place.sign_in(page, methods="pwd otp")
    page.wait_for_url(f"**/approvals/{request.id}/")
    assert state_of(world, request) == "PENDING"
    decide(page, visitor.address, request)
    expect(page.get_by_role("status").filter(has_text="Approved.")).to_be_visible()
    assert [proof.method for proof in proofs(world)] == ["oidc"]


def test_somebody_who_signs_in_elsewhere_without_a_second_factor_never_passes(
    visit: Callable, world: SimpleNamespace, organisation: Callable[..., Organisation]
) -> None:
    """Also not with a password that was typed at the provider a moment ago."""
    place, request = organisation(step_up=False), ask(world, tier=Tier.HIGH)
    visitor = visit(None)
    page = arrive(visitor, place)
    decide(page, visitor.address, request)
    expect(page.get_by_text("You have no second factor")).to_be_visible()
    assert (state_of(world, request), proofs(world)) == ("PENDING", [])
    with scope.enter(world.a.tenant.id), transaction.atomic():
        assert not stepup.has_second_factor(place.erin.id)
