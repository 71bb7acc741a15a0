"""Second factors at sign-in and in one's own account; what a stolen session cannot do with them."""

import json
from types import SimpleNamespace

import pytest
from django.db import transaction
from django.test import Client
from fido2.utils import websafe_decode

from controlplane.lib import clock
from evidence.models import Event
from tenants import factors, scope
from tests.authenticators import SoftPasskey, code_of, give_totp

LONG_AGO = 301


@pytest.fixture
def client(committed_db: str) -> Client:
    return Client()


def sign_in(client: Client, world: SimpleNamespace, name: str = "bob@a.test") -> str:
    """Where the right password leads to."""
    answer = client.post("/login/", {"login": name, "password": world.password})
    return answer.headers["Location"]


def signed_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


def grow_old(client: Client) -> None:
    """As if every proof of this session had been given more than five minutes ago."""
    session = client.session
    for record in session["account_authentication_methods"]:
        record["at"] -= LONG_AGO
    session.save()


def told(world: SimpleNamespace, kind: str) -> list[dict[str, object]]:
    with scope.enter(world.a.tenant.id), transaction.atomic():
        return [json.loads(bytes(event.body))["data"] for event in Event.objects.filter(type=kind).order_by("id")]


def test_whoever_has_a_second_factor_is_asked_for_it(client: Client, world: SimpleNamespace) -> None:
    secret = give_totp(world.a.bob)
    assert sign_in(client, world) == "/login/code/"
    assert not signed_in(client)
    assert client.get("/o/a/").status_code == 302
    assert "not right" in client.post("/login/code/", {"code": "000000x"}).content.decode()
    assert not signed_in(client)
    assert client.post("/login/code/", {"code": code_of(secret)}).status_code == 302
    assert client.get("/o/a/").status_code == 200
    assert told(world, "session.opened") == [{"user_id": str(world.a.bob.id), "methods": ["password", "mfa"]}]


def test_a_code_signs_in_once(client: Client, world: SimpleNamespace) -> None:
    secret = give_totp(world.a.bob)
    with clock.frozen(clock.now()):
        for browser, expected in ((client, True), (Client(), False)):
            sign_in(browser, world)
            browser.post("/login/code/", {"code": code_of(secret)})
            assert signed_in(browser) is expected


def test_codes_are_not_guessed_for_long(client: Client, world: SimpleNamespace) -> None:
    secret = give_totp(world.a.bob)
    sign_in(client, world)
    for _ in range(8):
        client.post("/login/code/", {"code": "000000x"})
    assert "Too many attempts" in client.post("/login/code/", {"code": code_of(secret)}).content.decode()
    assert not signed_in(client)


def test_a_passkey_signs_in_without_a_password(client: Client, world: SimpleNamespace) -> None:
    key = SoftPasskey()
    key.give(world.a.bob)
    options = client.get("/login/passkey/", headers={"Accept": "application/json"}).json()["request_options"]
    signed = key.sign(websafe_decode(options["publicKey"]["challenge"]))
    signed["response"]["userHandle"] = key.handle_of(world.a.bob)
    assert client.post("/login/passkey/", {"credential": json.dumps(signed)}).status_code == 302
    assert signed_in(client)


def test_a_passkey_that_nobody_registered_signs_nobody_in(client: Client, world: SimpleNamespace) -> None:
    key = SoftPasskey()
    options = client.get("/login/passkey/", headers={"Accept": "application/json"}).json()["request_options"]
    signed = key.sign(websafe_decode(options["publicKey"]["challenge"]))
    signed["response"]["userHandle"] = key.handle_of(world.a.bob)
    client.post("/login/passkey/", {"credential": json.dumps(signed)})
    assert not signed_in(client)


def test_services_have_no_session(client: Client, world: SimpleNamespace) -> None:
    world.a.bob.kind = "service"
    world.a.bob.save()
    sign_in(client, world)
    assert not signed_in(client)


def test_a_stolen_session_cannot_add_a_factor(client: Client, world: SimpleNamespace) -> None:
    sign_in(client, world)
    grow_old(client)
    for page in ("/account/code/add/", "/account/passkeys/add/", "/account/password/"):
        for answer in (client.get(page), client.post(page, {"code": "123456"})):
            assert answer.headers["Location"] == f"/account/prove/password/?next={page.replace('/', '%2F')}"
    assert not factors.held(world.a.bob.id)


def test_where_there_is_a_factor_the_password_does_not_open_the_door_to_another(
    client: Client, world: SimpleNamespace
) -> None:
    give_totp(world.a.bob)
    client.force_login(world.a.bob)
    assert client.get("/account/prove/password/").headers["Location"] == "/account/prove/code/"
    client.post("/account/prove/password/", {"password": world.password})
    assert client.get("/account/passkeys/add/").headers["Location"].startswith("/account/prove/code/")


def test_a_session_without_any_proof_manages_nothing(client: Client, world: SimpleNamespace) -> None:
    """A person who signs in elsewhere only (no password, no factor): django-allauth's gate would stand open."""
    world.a.bob.set_unusable_password()
    world.a.bob.save()
    client.force_login(world.a.bob)
    for page in ("/account/code/add/", "/account/passkeys/add/"):
        assert client.get(page).status_code == 302
        assert client.post(page, {"code": "1"}).status_code == 302
    assert not factors.held(world.a.bob.id)


def test_a_post_that_lacked_the_proof_is_dropped_not_resumed(client: Client, world: SimpleNamespace) -> None:
    secret = give_totp(world.a.bob)
    client.force_login(world.a.bob)
    client.post("/account/code/remove/")
    client.post("/account/prove/code/?next=/account/code/remove/", {"code": code_of(secret)})
    assert factors.held(world.a.bob.id) == {"totp"}
    assert client.post("/account/code/remove/").status_code == 302
    assert factors.held(world.a.bob.id) == set()
    assert [one["change"] for one in told(world, "member.factors_changed")] == ["totp_deactivated"]


def test_an_authenticator_app_is_added_with_its_first_code(client: Client, world: SimpleNamespace) -> None:
    sign_in(client, world)
    shown = client.get("/account/code/add/")
    secret = shown.context["form"].secret
    client.post("/account/code/add/", {"code": code_of(secret)})
    assert factors.held(world.a.bob.id) == {"totp"}
    assert "Remove the authenticator app" in client.get("/account/").content.decode()


def test_nobody_removes_somebody_elses_passkey(client: Client, world: SimpleNamespace) -> None:
    carols = SoftPasskey().give(world.a.carol)
    sign_in(client, world)
    assert client.post(f"/account/passkeys/{carols.pk}/remove/").status_code == 404
    assert factors.held(world.a.carol.id) == {"webauthn"}


def test_a_password_is_guessed_no_more_often_in_a_session_than_outside(client: Client, world: SimpleNamespace) -> None:
    sign_in(client, world)
    for _ in range(8):
        client.post("/account/prove/password/", {"password": "wrong"})
    answer = client.post("/account/prove/password/", {"password": world.password})
    assert "Too many failed login attempts" in answer.content.decode()


def test_sessions_are_listed_and_ended_one_by_one(client: Client, world: SimpleNamespace) -> None:
    other = Client(headers={"User-Agent": "the other browser"})
    sign_in(client, world)
    sign_in(other, world)
    page = client.get("/account/sessions/").content.decode()
    assert "the other browser" in page
    ids = {row.user_agent: row.pk for row in world.a.bob.usersession_set.all()}
    client.post("/account/sessions/", {"session": str(ids["the other browser"])})
    assert other.get("/o/a/").headers["Location"] == "/login/?next=/o/a/"
    assert client.get("/o/a/").status_code == 200
    assert told(world, "session.ended") == [{"user_id": str(world.a.bob.id), "count": 1}]


def test_nobody_ends_somebody_elses_session(client: Client, world: SimpleNamespace) -> None:
    carol = Client()
    sign_in(carol, world, "carol@a.test")
    sign_in(client, world)
    client.post("/account/sessions/", {"session": str(world.a.carol.usersession_set.get().pk)})
    assert carol.get("/o/a/").status_code == 200


def test_a_changed_password_ends_other_sessions(client: Client, world: SimpleNamespace) -> None:
    other = Client()
    sign_in(other, world)
    sign_in(client, world)
    new = {"oldpassword": world.password, "password1": "another-horse-battery", "password2": "another-horse-battery"}
    client.post("/account/password/", new)
    assert client.get("/o/a/").status_code == 200
    assert other.get("/o/a/").status_code == 302
