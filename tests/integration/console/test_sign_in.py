"""Signing in: the same answer for everything that is wrong, and not too often."""

from types import SimpleNamespace

import pytest
from django.test import Client

from controlplane.console import throttle

GENERIC = "Please enter a correct username and password"


def sign_in(client: Client, name: str, password: str):
    return client.post("/login/", {"login": name, "password": password})


@pytest.fixture
def client(committed_db: str) -> Client:
    return Client()


def test_a_member_of_one_organisation_lands_there(client: Client, world: SimpleNamespace) -> None:
    response = sign_in(client, "bob@a.test", world.password)
    assert response.status_code == 302
    assert client.get("/").headers["Location"] == "/o/a/"


@pytest.mark.parametrize("name", ["bob@a.test", "nobody@a.test"])
def test_a_wrong_name_and_a_wrong_password_look_the_same(client: Client, world: SimpleNamespace, name: str) -> None:
    response = sign_in(client, name, "wrong")
    assert response.status_code == 200
    assert GENERIC in response.content.decode()


def test_too_many_attempts_are_refused_even_with_the_right_password(client: Client, world: SimpleNamespace) -> None:
    for _ in range(throttle.LIMITS["pair"]):
        sign_in(client, "bob@a.test", "wrong")
    response = sign_in(client, "bob@a.test", world.password)
    assert response.status_code == 429
    assert "Too many attempts" in response.content.decode()
    assert "_auth_user_id" not in client.session


def test_a_success_forgives_earlier_mistakes(client: Client, world: SimpleNamespace) -> None:
    for _ in range(throttle.LIMITS["pair"] - 1):
        sign_in(client, "bob@a.test", "wrong")
    assert sign_in(client, "bob@a.test", world.password).status_code == 302
    assert sign_in(Client(), "bob@a.test", "wrong").status_code == 200


def test_the_way_back_never_leaves_this_host(client: Client, world: SimpleNamespace) -> None:
    response = client.post("/theme/", {"theme": "dark", "next": "https://elsewhere.test/"})
    assert response.headers["Location"] == "/"
    assert response.cookies["theme"].value == "dark"


def test_every_answer_carries_the_policy(client: Client, world: SimpleNamespace) -> None:
    for address in ("/login/", "/nothing-here/"):
        assert "default-src 'none'" in client.get(address).headers["Content-Security-Policy"]
