"""Signing in and stepping up at a real OpenID Connect provider, and what a provider cannot do here."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from allauth.socialaccount.models import SocialAccount
from django.db import transaction
from django.test import Client

from controlplane.lib import clock
from tenants import factors, scope, sso, stepup, vault
from tenants.errors import IdentityRefused, NoSecondFactor, StepUpRefused
from tenants.models import IdentityProvider, Membership, StepUp, User
from tests.identity_providers import CLIENT, SECRET, prove, running

CALLBACK = "http://testserver/login/sso/a/callback/"
DEED = "c3" * 32


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    with running(CALLBACK) as address:
        yield address


@pytest.fixture
def a(committed_db: str, world: SimpleNamespace, issuer: str, actor_of: Callable) -> Any:
    """Tenant A, whose people sign in at the provider; newcomers may look."""
    side = SimpleNamespace(world=world, issuer=issuer, tenant=world.a.tenant, actor_of=actor_of)
    side.alice = actor_of(world.a.alice, world.a.tenant)
    with scope.enter(side.tenant.id):
        vault.store(name=sso.CREDENTIAL, secret=SECRET.encode(), actor=side.alice)
    configure(side)
    return side


@contextmanager
def inside(a: Any) -> Iterator[None]:
    with scope.enter(a.tenant.id), transaction.atomic():
        yield


def configure(a: Any, **said: Any) -> None:
    usual = {"issuer": a.issuer, "client_id": CLIENT, "default_role": "viewer", "step_up": True}
    with scope.enter(a.tenant.id):
        sso.set_provider(**{**usual, **said}, actor=a.alice)


def come(client: Client, who: str, *, at: str = "/login/sso/a/", **proof: Any) -> Any:
    """Go to the provider, sign in there, come back: the answer to coming back."""
    there = client.get(at).headers["Location"]
    return client.get(prove(there, who, callback=CALLBACK, **proof))


def user_of(client: Client) -> User | None:
    pk = client.session.get("_auth_user_id")
    return User.objects.get(pk=pk) if pk else None


def link(a: Any, who: str, user: User) -> None:
    SocialAccount.objects.create(provider=str(a.tenant.id), uid=who, user=user)


def ask(a: Any, user: User) -> stepup.Challenge:
    with scope.enter(a.tenant.id):
        return stepup.open_challenge(actor=a.actor_of(user, a.tenant), action_digest=DEED)


def proofs(a: Any) -> list[StepUp]:
    with inside(a):
        return list(StepUp.objects.filter(action_digest=DEED))


def step_up(a: Any, client: Client, who: str, user: User, **proof: Any) -> Any:
    asked = ask(a, user)
    query = urlencode({"challenge": asked.id, "next": "/o/a/approvals/"})
    return come(client, who, at=f"/login/sso/a/?{query}", **proof)


def test_a_newcomer_is_let_in_as_a_viewer_and_known_the_next_time(a: Any) -> None:
    client = Client()
    assert come(client, "erin").headers["Location"] == "/"
    erin = user_of(client)
    assert (erin.username, erin.email, erin.has_usable_password()) == ("erin@a.sso", "", False)
    assert client.get("/o/a/").status_code == 200
    with inside(a):
        assert [row.role for row in Membership.objects.filter(user=erin)] == ["viewer"]
    again = Client()
    come(again, "erin")
    assert user_of(again) == erin


def test_where_nobody_is_let_in_by_coming_nobody_is(a: Any) -> None:
    configure(a, default_role="")
    client = Client()
    assert come(client, "erin").headers["Location"] == "/login/"
    assert user_of(client) is None
    assert not User.objects.filter(username__startswith="erin").exists()


def test_a_role_that_decides_is_never_given_by_coming(a: Any) -> None:
    for role in ("approver", "senior_approver", "admin"):
        with pytest.raises(Exception, match="people who come"):
            configure(a, default_role=role)


def test_the_address_of_a_colleague_opens_nothing(a: Any) -> None:
    """The provider says that bob@a.test is verified: he is Bob's namesake, not Bob."""
    a.world.a.bob.email = "bob@a.test"
    a.world.a.bob.save()
    client = Client()
    come(client, "bob")
    assert user_of(client) not in (None, a.world.a.bob)


def test_a_session_from_one_tenants_provider_opens_no_other_tenant(a: Any) -> None:
    charlie = a.world.charlie
    link(a, "charlie", charlie)
    with inside(a):
        Membership.objects.create(user=charlie, workspace=a.world.a.workspace, role="viewer")
    client = Client()
    come(client, "charlie")
    assert user_of(client) == charlie
    assert client.get("/o/b/").status_code == 404
    assert client.get("/o/b/admin/").status_code == 404
    assert client.get("/v1/me", headers={"X-Interlock-Tenant": "b"}).status_code in (401, 403)
    assert client.get("/").headers["Location"] == "/o/a/"
    assert client.get("/account/passkeys/add/").status_code == 302  # the factor would open B as well


def test_somebody_who_left_is_not_let_in_again(a: Any) -> None:
    link(a, "charlie", a.world.charlie)  # no member of A
    client = Client()
    assert come(client, "charlie").headers["Location"] == "/login/"
    assert user_of(client) is None


def test_an_answer_without_its_question_is_refused(a: Any) -> None:
    """Another browser's code, a made-up state, a used one: nobody is signed in."""
    client, other = Client(), Client()
    there = client.get("/login/sso/a/").headers["Location"]
    back = prove(there, "erin", callback=CALLBACK)
    assert other.get(back).headers["Location"] == "/login/"
    assert user_of(other) is None
    assert client.get(back.replace("code=", "code=x")).headers["Location"] == "/login/"
    assert user_of(client) is None


def test_the_request_to_the_provider_has_state_nonce_and_pkce(a: Any) -> None:
    query = parse_qs(urlsplit(Client().get("/login/sso/a/").headers["Location"]).query)
    assert {"state", "nonce", "code_challenge"} <= set(query)
    assert query["code_challenge_method"] == ["S256"]


def test_an_unknown_organisation_and_one_without_a_provider_look_the_same(a: Any) -> None:
    shown = [Client().get(f"/login/sso/?organisation={slug}") for slug in ("b", "nowhere")]
    pages = [re.sub(r"nonce-?[^\"]*\"[^\"]*\"|value=\"[^\"]*\"", "", each.content.decode()) for each in shown]
    assert [each.status_code for each in shown] == [404, 404]
    assert pages[0] == pages[1]
    assert [Client().get(f"/login/sso/{slug}/").headers["Location"] for slug in ("b", "nowhere")] == ["/login/"] * 2


def test_a_provider_is_reached_by_https_only(a: Any) -> None:
    for address in ("http://idp.example", "ftp://idp.example", "https://user@idp.example", "file:///etc/passwd"):
        with pytest.raises(IdentityRefused):
            configure(a, issuer=address)


def test_a_fresh_sign_in_with_a_second_factor_steps_up(a: Any) -> None:
    client = Client()
    come(client, "erin")
    answer = step_up(a, client, "erin", user_of(client), amr="pwd otp")
    assert answer.headers["Location"] == "/o/a/approvals/"
    (proof,) = proofs(a)
    assert (proof.method, proof.action_digest) == ("oidc", DEED)


@pytest.mark.parametrize(
    "proof",
    [{"amr": "pwd"}, {}, {"amr": "pwd otp", "ago": 120}, {"amr": "pwd otp", "ago": 400}],
    ids=["password only", "nothing said", "signed in before it was asked", "long ago"],
)
def test_a_sign_in_that_is_stale_or_says_no_second_factor_does_not(a: Any, proof: dict[str, Any]) -> None:
    client = Client()
    come(client, "erin")
    step_up(a, client, "erin", user_of(client), **proof)
    assert proofs(a) == []


def test_another_person_at_the_provider_does_not_step_up_for_this_one(a: Any) -> None:
    client = Client()
    come(client, "erin")
    step_up(a, client, "frank", user_of(client), amr="otp")
    assert proofs(a) == []
    assert user_of(client).username == "erin@a.sso"


def test_where_a_class_is_asked_for_only_that_class_counts(a: Any) -> None:
    configure(a, step_up_acr="urn:test:strong")
    for acr, expected in (("urn:test:weak", 0), ("urn:test:strong", 1)):
        client = Client()
        come(client, "erin")
        step_up(a, client, "erin", user_of(client), amr="otp", acr=acr)
        assert len(proofs(a)) == expected


def test_an_sso_only_person_without_any_second_factor_can_never_step_up(a: Any) -> None:
    configure(a, step_up=False)
    client = Client()
    come(client, "erin", amr="otp")
    erin = user_of(client)
    with pytest.raises(NoSecondFactor):
        ask(a, erin)
    with inside(a):
        assert not stepup.has_second_factor(erin.id)


def test_switching_it_off_takes_back_what_was_proved(a: Any) -> None:
    client = Client()
    come(client, "erin")
    erin = user_of(client)
    step_up(a, client, "erin", erin, amr="otp")
    configure(a, step_up=False)
    with pytest.raises(Exception, match="second factor"), inside(a):
        stepup.spend(user_id=erin.id, action_digest=DEED, now=clock.now())


def test_the_claims_of_one_sign_in_are_not_taken_twice(a: Any) -> None:
    client = Client()
    come(client, "erin")
    erin = user_of(client)
    step_up(a, client, "erin", erin, amr="otp")
    claims, asked = SocialAccount.objects.get().extra_data, ask(a, erin)
    with scope.enter(a.tenant.id), pytest.raises(StepUpRefused):
        stepup.complete_oidc(challenge_id=asked.id, claims=claims, actor=a.actor_of(erin, a.tenant))


def test_only_what_is_needed_of_a_persons_claims_is_kept(a: Any) -> None:
    come(Client(), "erin")
    assert set(SocialAccount.objects.get().extra_data) <= {"iss", "sub", "auth_time", "acr", "amr", "nonce"}


def test_somebody_who_signs_in_there_only_adds_a_factor_after_a_fresh_sign_in(a: Any) -> None:
    client = Client()
    come(client, "erin", at="/login/sso/a/?prompt=login", ago=400)
    there = client.get("/account/code/add/")
    assert there.headers["Location"] == "/account/prove/organisation/?next=%2Faccount%2Fcode%2Fadd%2F"
    again = client.get(there.headers["Location"]).headers["Location"]
    assert come(client, "erin", at=again).headers["Location"] == "/account/code/add/"
    assert client.get("/account/code/add/").status_code == 200
    assert not factors.held(user_of(client).id)


def test_the_secret_of_the_client_is_in_the_vault_and_nowhere_else(a: Any) -> None:
    client = Client()
    client.force_login(a.world.a.alice)
    with inside(a):
        assert SECRET not in str(IdentityProvider.objects.values().get())
    assert SECRET not in client.get("/v1/identity-provider", headers={"X-Interlock-Tenant": "a"}).content.decode()
