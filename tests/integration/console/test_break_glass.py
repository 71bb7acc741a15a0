"""Platform operators see nothing of a tenant, except behind broken glass: with a reason, for a while, on its record."""

import json
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from django.db import connection, transaction
from django.db.utils import ProgrammingError
from django.test import Client

from approvals import services as approvals
from approvals.errors import MayNotVote
from approvals.types import Channel, Verdict
from controlplane.lib import clock
from controlplane.lib.errors import NotFound
from evidence.models import Event
from tenants import breakglass, scope, services
from tenants.models import PlatformOperator
from tests import ground
from tests.asking import ask
from tests.authenticators import code_of, give_totp

REASON = "ticket 4711: their queue stands still"


@pytest.fixture
def olga(committed_db: str, world: SimpleNamespace) -> Any:
    """A platform operator with a second factor, of no tenant."""
    user = services.create_user(username="olga", password="correct-horse-battery", name="Olga")
    with psycopg.connect(ground.superuser_dsn(committed_db), autocommit=True) as admin:
        admin.execute("INSERT INTO tenants_platformoperator (user_id, appointed_at) VALUES (%s, now())", [user.pk])
    user.secret = give_totp(user)
    return user


@pytest.fixture
def client(olga: Any) -> Client:
    """Olga, freshly signed in with her second factor."""
    client = Client()
    client.post("/login/", {"login": "olga", "password": "correct-horse-battery"})
    client.post("/login/code/", {"code": code_of(olga.secret)})
    return client


def smash(client: Client, **said: str) -> Any:
    return client.post("/break-glass/", {"organisation": "a", "reason": REASON, "minutes": "15", **said})


def told(world: SimpleNamespace, kind: str) -> list[dict[str, Any]]:
    with scope.enter(world.a.tenant.id), transaction.atomic():
        return [json.loads(bytes(event.body))["data"] for event in Event.objects.filter(type=kind).order_by("id")]


def test_without_breaking_it_there_is_nothing_to_see(client: Client, world: SimpleNamespace) -> None:
    assert client.get("/o/a/").status_code == 404
    assert client.get("/v1/runs", headers={"X-Interlock-Tenant": "a"}).status_code in (401, 403)


def test_behind_broken_glass_an_operator_reads_and_every_page_is_told(
    client: Client, olga: Any, world: SimpleNamespace
) -> None:
    assert smash(client).headers["Location"] == "/o/a/"
    page = client.get("/o/a/runs/").content.decode()
    assert "You look through broken glass" in page
    assert client.get("/v1/runs", headers={"X-Interlock-Tenant": "a"}).status_code == 200
    (opened,) = told(world, "break_glass.opened")
    assert (opened["reason"], opened["operator_id"]) == (REASON, str(olga.pk))
    assert [one["path"] for one in told(world, "break_glass.looked")] == ["/o/a/runs/", "/v1/runs"]
    assert client.get("/o/b/").status_code == 404


def test_it_ends_by_itself(client: Client, world: SimpleNamespace) -> None:
    smash(client)
    with clock.frozen(clock.now() + timedelta(minutes=16)):
        assert client.get("/o/a/").status_code == 404


def test_the_tenant_sees_it_and_ends_it(client: Client, world: SimpleNamespace) -> None:
    smash(client)
    alice = Client()
    alice.force_login(world.a.alice)
    assert REASON in alice.get("/o/a/people/").content.decode()
    (glass,) = alice.get("/v1/break-glass", headers={"X-Interlock-Tenant": "a"}).json()["results"]
    alice.post(f"/o/a/people/glass/{glass['id']}/close/")
    assert client.get("/o/a/").status_code == 404
    assert len(told(world, "break_glass.closed")) == 1


def test_an_operator_changes_and_decides_nothing(
    client: Client, olga: Any, world: SimpleNamespace, actor_of: Callable
) -> None:
    request = ask(world)
    smash(client)
    form = {"verdict": "approve", "reason": "", "seen_digest": request.display_digest}
    assert client.post(f"/o/a/approvals/{request.id}/", form).status_code == 403
    halt = {"kind": "tenant", "mode": "freeze", "reason": "because I can"}
    here = {"X-Interlock-Tenant": "a"}
    assert client.post("/v1/halts", json.dumps(halt), content_type="application/json", headers=here).status_code == 403
    assert client.get("/o/a/admin/").status_code == 403
    with scope.enter(world.a.tenant.id), pytest.raises(MayNotVote):
        approvals.cast_vote(
            request_id=request.id,
            actor=breakglass.looking(olga, "a"),
            verdict=Verdict.APPROVE,
            reason="",
            channel=Channel.CONSOLE,
            seen_digest=request.display_digest,
        )


@pytest.mark.parametrize(
    "said", [{"reason": "short"}, {"minutes": "61"}, {"minutes": "0"}, {"organisation": "nowhere"}]
)
def test_without_a_reason_or_beyond_an_hour_it_holds(
    client: Client, world: SimpleNamespace, said: dict[str, str]
) -> None:
    assert smash(client, **said).status_code in (404, 422)
    assert client.get("/o/a/").status_code == 404


def test_it_takes_a_fresh_proof(client: Client, world: SimpleNamespace) -> None:
    session = client.session
    for record in session["account_authentication_methods"]:
        record["at"] -= 301
    session.save()
    assert smash(client).headers["Location"].startswith("/account/prove/code/")
    assert told(world, "break_glass.opened") == []


def test_for_others_there_is_no_such_page(committed_db: str, world: SimpleNamespace) -> None:
    bob = Client()
    bob.post("/login/", {"login": "bob@a.test", "password": world.password})
    assert bob.get("/break-glass/").status_code == 404
    assert smash(bob, organisation="b").status_code == 404
    with pytest.raises(NotFound):
        breakglass.open_glass(operator=world.a.bob, slug="b", reason=REASON, lasts=timedelta(minutes=5))


def test_the_app_cannot_make_an_operator(committed_db: str, world: SimpleNamespace) -> None:
    assert connection.settings_dict["USER"] == "interlock_app"
    with pytest.raises(ProgrammingError, match="permission denied"):
        PlatformOperator.objects.create(user=world.a.bob)
