"""Roles, tokens, services and the sign-in of an organisation by the forms of the console, each through its verb."""

import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from evidence.models import Event
from tenants import scope, vault
from tenants.models import ApiToken, Credential, Environment, IdentityProvider, Membership, ServiceIdentity

PEOPLE = "/o/a/people/"
SERVICES, SIGN_IN = f"{PEOPLE}services/", f"{PEOPLE}sign-in/"
SignIn = Callable[[object], Client]


@pytest.fixture
def inside(world: SimpleNamespace) -> Callable[[Callable[[], Any]], Any]:
    """Look into tenant A's rows."""

    def look(question: Callable[[], Any]) -> Any:
        with scope.enter(world.a.tenant.id), transaction.atomic():
            return question()

    return look


def roles_of(user: Any) -> list[tuple[str, str | None]]:
    rows = Membership.objects.filter(user=user).select_related("environment").order_by("role")
    return [(row.role, row.environment.slug if row.environment else None) for row in rows]


def told(kind: str) -> int:
    return Event.objects.filter(type=kind).count()


def make(alice: Client, world: SimpleNamespace, **changes: str) -> Any:
    body = {"name": "deploy-bot", "kind": "service", "purpose": "starts the nightly runs", "role": "service"}
    owner = {"owner": str(world.a.bob.id), "workspace": str(world.a.workspace.id)}
    return alice.post(SERVICES, {**body, **owner, **changes})


def test_a_role_is_given_for_an_environment_and_withdrawn(
    signed_in: SignIn, world: SimpleNamespace, inside: Any
) -> None:
    alice, dev = signed_in(world.a.alice), inside(lambda: Environment.objects.get(slug="dev"))
    page = f"{PEOPLE}{world.a.bob.id}/"
    assert "only itsm/dev" in alice.get(page).content.decode()
    where = f"{world.a.workspace.id}/{dev.pk}"
    assert alice.post(f"{page}roles/", {"role": "operator", "where": where}).status_code == 302
    assert inside(lambda: roles_of(world.a.bob)) == [("approver", None), ("operator", "dev")]
    given = inside(lambda: Membership.objects.get(user=world.a.bob, role="operator").pk)
    assert alice.post(f"{PEOPLE}memberships/{given}/withdraw/").url == page
    assert inside(lambda: (roles_of(world.a.bob), told("member.role_withdrawn"))) == ([("approver", None)], 1)


def test_what_the_verb_refuses_is_said_and_changes_nothing(
    signed_in: SignIn, world: SimpleNamespace, inside: Any
) -> None:
    alice, dev = signed_in(world.a.alice), inside(lambda: Environment.objects.get(slug="dev"))
    page = f"{PEOPLE}{world.a.bob.id}/"
    odd = {"role": "auditor", "where": f"{world.a.workspace.id}/{dev.pk}"}
    refused = alice.post(f"{page}roles/", odd)
    assert (refused.status_code, "about the whole workspace" in refused.content.decode()) == (422, True)
    assert alice.post(f"{page}roles/", {"role": "emperor", "where": odd["where"]}).status_code == 422
    last = inside(lambda: Membership.objects.get(user=world.a.alice).pk)
    assert alice.post(f"{PEOPLE}memberships/{last}/withdraw/").status_code == 409
    assert inside(lambda: roles_of(world.a.bob)) == [("approver", None)]


def test_a_service_is_made_gets_a_token_that_is_shown_once_rotates_it_and_is_switched_off(
    signed_in: SignIn, world: SimpleNamespace, inside: Any
) -> None:
    alice = signed_in(world.a.alice)
    made = make(alice, world)
    service = inside(lambda: ServiceIdentity.objects.select_related("user", "owner").get())
    assert (made.url, service.owner) == (f"{PEOPLE}{service.user_id}/", world.a.bob)
    answer = alice.post(f"{made.url}tokens/", {"name": "nightly", "scopes": ["start_run", "view"], "days": "30"})
    assert "no-store" in answer.headers["Cache-Control"]
    first = secret_in(answer)
    assert lets_in(first)
    assert first not in alice.get(made.url).content.decode()
    token = inside(lambda: ApiToken.objects.get())
    second = secret_in(alice.post(f"{PEOPLE}tokens/{token.pk}/rotate/", {"overlap_hours": "2"}))
    assert (lets_in(first), lets_in(second)) == (True, True)
    assert alice.post(f"{PEOPLE}tokens/{token.pk}/revoke/").url == made.url
    assert (lets_in(first), lets_in(second)) == (False, True)
    assert alice.post(f"{SERVICES}{service.pk}/close/").status_code == 302
    assert not lets_in(second)
    assert "Switch off" not in alice.get(SERVICES).content.decode()
    assert inside(lambda: (told("service.made"), told("service.closed"))) == (1, 1)


def secret_in(answer: Any) -> str:
    found = re.search(r"il_[A-Za-z0-9_-]{43}", answer.content.decode())
    assert found, answer.content.decode()
    return found[0]


def lets_in(secret: str) -> bool:
    headers = {"Authorization": f"Bearer {secret}"}
    return Client().get("/v1/me", headers=headers).status_code == 200


def test_a_machine_acts_for_a_person_and_a_person_for_nobody(
    signed_in: SignIn, world: SimpleNamespace, inside: Any
) -> None:
    alice = signed_in(world.a.alice)
    page = make(alice, world, kind="agent").url
    body = {"name": "t", "scopes": ["view"], "days": "1", "on_behalf_of": str(world.a.dana.id)}
    secret_in(alice.post(f"{page}tokens/", body))
    assert inside(lambda: ApiToken.objects.get().on_behalf_of) == world.a.dana
    secret_in(alice.post(f"{PEOPLE}{world.a.bob.id}/tokens/", body))
    assert inside(lambda: ApiToken.objects.get(user=world.a.bob).on_behalf_of) is None


def test_everybody_has_tokens_of_their_own(signed_in: SignIn, world: SimpleNamespace, inside: Any) -> None:
    bob, page = signed_in(world.a.bob), f"{PEOPLE}{world.a.bob.id}/"
    secret_in(bob.post(f"{page}tokens/", {"name": "mine", "scopes": ["view"], "days": "1"}))
    beyond = bob.post(f"{page}tokens/", {"name": "more", "scopes": ["admin"], "days": "1"})
    assert beyond.status_code == 422
    assert inside(lambda: ApiToken.objects.filter(user=world.a.bob).count()) == 1
    shown = bob.get(page).content.decode()
    assert "Issue a token" in shown
    assert "Give a role" not in shown


def test_where_people_sign_in_is_set_and_the_secret_is_never_shown(
    signed_in: SignIn, world: SimpleNamespace, inside: Any
) -> None:
    alice = signed_in(world.a.alice)
    body = {"issuer": "https://idp.example", "client_id": "interlock", "default_role": "viewer", "enabled": "on"}
    assert alice.post(SIGN_IN, {**body, "client_secret": "s3cret-of-the-idp"}).status_code == 302
    row = inside(lambda: IdentityProvider.objects.get())
    assert (row.issuer, row.default_role, row.enabled, row.step_up) == ("https://idp.example", "viewer", True, False)
    assert inside(lambda: vault.reveal(row.secret_ref)) == b"s3cret-of-the-idp"
    page = alice.get(SIGN_IN).content.decode()
    assert "s3cret" not in page
    assert "/login/sso/a/callback/" in page
    assert alice.post(SIGN_IN, {**body, "step_up": "on"}).status_code == 302
    assert inside(lambda: (Credential.objects.count(), IdentityProvider.objects.get().step_up)) == (1, True)
    plain = alice.post(SIGN_IN, {**body, "issuer": "http://idp.example"})
    assert (plain.status_code, "by https only" in plain.content.decode()) == (403, True)
    assert inside(lambda: IdentityProvider.objects.get().issuer) == "https://idp.example"


def deeds(world: SimpleNamespace, inside: Any) -> list[tuple[str, dict[str, str]]]:
    """Every address that changes something of somebody else's, with what it takes."""
    alices = inside(lambda: Membership.objects.get(user=world.a.alice).pk)
    service, token = inside(lambda: (ServiceIdentity.objects.get().pk, ApiToken.objects.get().pk))
    whole = str(world.a.workspace.id)
    return [
        (f"{PEOPLE}{world.a.alice.id}/roles/", {"role": "admin", "where": whole}),
        (f"{PEOPLE}memberships/{alices}/withdraw/", {}),
        (f"{PEOPLE}{world.a.alice.id}/tokens/", {"name": "t", "scopes": "view", "days": "1"}),
        (f"{PEOPLE}tokens/{token}/rotate/", {"overlap_hours": "0"}),
        (f"{PEOPLE}tokens/{token}/revoke/", {}),
        (SERVICES, {"name": "x", "kind": "service", "purpose": "x", "role": "service", "workspace": whole}),
        (f"{SERVICES}{service}/close/", {}),
        (SIGN_IN, {"issuer": "https://evil.example", "client_id": "x", "enabled": "on"}),
    ]


@pytest.fixture
def ground(signed_in: SignIn, world: SimpleNamespace, inside: Any) -> list[tuple[str, dict[str, str]]]:
    alice = signed_in(world.a.alice)
    page = make(alice, world).url
    alice.post(f"{page}tokens/", {"name": "nightly", "scopes": ["view"], "days": "30"})
    return deeds(world, inside)


def test_a_stranger_finds_none_of_it(
    ground: list[tuple[str, dict[str, str]]], signed_in: SignIn, world: SimpleNamespace, inside: Any
) -> None:
    charlie, before = signed_in(world.charlie), inside(state)
    assert [charlie.get(path).status_code for path in (SERVICES, SIGN_IN)] == [404, 404]
    assert {charlie.post(path, body).status_code for path, body in ground} == {404}
    assert inside(state) == before


@pytest.mark.parametrize("who", ["bob", "dana"])
def test_whoever_does_not_administer_is_refused_with_a_code(
    who: str, ground: list[tuple[str, dict[str, str]]], signed_in: SignIn, world: SimpleNamespace, inside: Any
) -> None:
    somebody, before = signed_in(getattr(world.a, who)), inside(state)
    for path in (SERVICES, SIGN_IN):
        page = somebody.get(path)
        assert (page.status_code, "permission_missing" in page.content.decode()) == (403, True)
    answers = {path: somebody.post(path, body).status_code for path, body in ground}
    assert set(answers.values()) <= {403, 404}, answers
    assert inside(state) == before


def state() -> tuple[Any, ...]:
    tokens = ApiToken.objects.order_by("id").values_list("id", "revoked_at", "replaced_by")
    closed = ServiceIdentity.objects.values_list("id", "closed_at")
    return list(tokens), list(closed), Membership.objects.count(), IdentityProvider.objects.count()
