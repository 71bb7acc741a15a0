"""Services and agents: credentials of their own, rotated with an overlap, acting for a person and never beyond."""

import json
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from controlplane.lib import clock
from controlplane.lib.errors import Conflict, Invalid, NotFound
from evidence.models import Event
from tenants import access, machines, scope, services
from tenants.actors import Actor
from tenants.errors import PermissionMissing, TokenRefused
from tenants.models import ApiToken, Membership, ServiceIdentity
from tenants.permissions import held, holds
from tenants.roles import Perm, Role

DAY = timedelta(days=1)


@pytest.fixture
def a(committed_db: str, world: SimpleNamespace, actor_of: Callable[..., Actor]) -> Iterator[Any]:
    actors = {name: actor_of(getattr(world.a, name), world.a.tenant) for name in ("alice", "bob", "dana")}
    with scope.enter(world.a.tenant.id):
        yield SimpleNamespace(side=world.a, world=world, place=world.a.workspace.id, **actors)


def make(a: Any, name: str = "hook", *, by: Actor | None = None, **said: Any) -> ServiceIdentity:
    usual = {"kind": "service", "purpose": "receives webhooks", "owner_id": a.alice.id, "role": Role.OPERATOR}
    return machines.make(name=name, workspace_id=a.place, actor=by or a.alice, **{**usual, **said})


def token(
    a: Any, made: ServiceIdentity, scopes: tuple[str, ...] = ("view", "start_run", "operate"), **said: Any
) -> Any:
    return services.issue_token(
        user_id=made.user_id, name="t", scopes=list(scopes), lives=30 * DAY, actor=a.alice, **said
    )


def perms(a: Any, secret: str) -> frozenset[Perm]:
    actor = access.bearer(secret)
    with transaction.atomic():
        return held(actor, a.place)


def test_a_service_has_its_own_token_and_what_its_role_and_scopes_give(a: Any) -> None:
    made = make(a)
    issued = token(a, made, ("view", "start_run"))
    assert perms(a, issued.secret) == {Perm.VIEW, Perm.START_RUN}
    assert access.bearer(issued.secret).kind == "service"


def test_only_an_administrator_makes_one_and_none_that_decides(a: Any) -> None:
    with pytest.raises(PermissionMissing):
        make(a, by=a.bob)
    for role in (Role.APPROVER, Role.SENIOR_APPROVER, Role.ADMIN):
        with pytest.raises(Invalid):
            make(a, role=role)
    with pytest.raises(Invalid):
        make(a, owner_id=a.world.b.alice.id)
    with pytest.raises(Invalid):
        make(a, kind="human")


def test_rotation_leaves_both_for_the_overlap_and_then_the_new_one(a: Any) -> None:
    old = token(a, make(a))
    new = machines.rotate_token(token_id=old.row.pk, overlap=DAY, actor=access.bearer(old.secret))
    assert perms(a, new.secret) == perms(a, old.secret)
    with clock.frozen(clock.now() + DAY + timedelta(seconds=1)):
        assert perms(a, new.secret)
        with pytest.raises(TokenRefused):
            access.bearer(old.secret)
    with pytest.raises(Conflict):
        machines.rotate_token(token_id=old.row.pk, overlap=DAY, actor=a.alice)


def test_rotation_never_lengthens_what_was_about_to_end(a: Any) -> None:
    old = token(a, make(a))
    with clock.frozen(clock.now() + 30 * DAY - timedelta(hours=1)):
        machines.rotate_token(token_id=old.row.pk, overlap=7 * DAY, actor=a.alice)
    with transaction.atomic():
        assert ApiToken.objects.get(pk=old.row.pk).expires_at == old.row.expires_at


def test_nobody_rotates_the_token_of_somebody_else(a: Any, elsewhere: Callable) -> None:
    old = token(a, make(a))
    with pytest.raises(PermissionMissing):
        machines.rotate_token(token_id=old.row.pk, overlap=DAY, actor=a.bob)
    stranger = Actor("human", a.world.b.alice.id, a.world.b.tenant.id, "Alice of B", "session")
    with elsewhere(a.world.b.tenant), pytest.raises(NotFound):
        machines.rotate_token(token_id=old.row.pk, overlap=DAY, actor=stranger)


def test_a_closed_service_is_refused_at_once(a: Any) -> None:
    made = make(a)
    issued = token(a, made)
    machines.close(identity_id=made.pk, actor=a.alice)
    with pytest.raises(TokenRefused):
        access.bearer(issued.secret)


def test_an_agent_that_acts_for_a_person_may_no_more_than_both(a: Any) -> None:
    agent = make(a, "helper", kind="agent")
    for person, expected in ((a.bob, {Perm.VIEW}), (a.dana, {Perm.VIEW, Perm.START_RUN, Perm.OPERATE})):
        issued = token(a, agent, on_behalf_of=person.id)
        assert access.bearer(issued.secret).on_behalf_of == person.id
        assert perms(a, issued.secret) == expected


def test_what_the_person_loses_the_agent_loses_and_it_ends_with_the_person(a: Any) -> None:
    issued = token(a, make(a, "helper", kind="agent"), on_behalf_of=a.dana.id)
    with transaction.atomic():
        membership = Membership.objects.get(user_id=a.dana.id).pk
    services.grant_role(user_id=a.dana.id, role=Role.VIEWER, workspace_id=a.place, actor=a.alice)
    services.withdraw_role(membership_id=membership, actor=a.alice)
    assert perms(a, issued.secret) == {Perm.VIEW}
    a.side.dana.is_active = False
    a.side.dana.save()
    with pytest.raises(TokenRefused):
        access.bearer(issued.secret)


def test_a_person_acts_for_nobody_and_a_machine_only_for_people_of_the_tenant(a: Any) -> None:
    made = make(a)
    with pytest.raises(Invalid):
        services.issue_token(
            user_id=a.bob.id, name="t", scopes=["view"], lives=DAY, actor=a.bob, on_behalf_of=a.alice.id
        )
    for nobody in (a.world.b.alice.id, made.user_id):
        with pytest.raises(Invalid):
            token(a, made, on_behalf_of=nobody)


def test_a_machine_never_votes_whatever_rows_there_are(a: Any) -> None:
    agent = make(a, "helper", kind="agent")
    services.grant_role(user_id=agent.user_id, role=Role.APPROVER, workspace_id=a.place, actor=a.alice)
    actor = access.bearer(token(a, agent, ("view", "approve")).secret)
    with transaction.atomic():
        assert holds(actor, Perm.APPROVE, a.place)  # and still: only people decide (approvals.rights)
    assert not actor.is_person


def test_a_leaked_token_is_recognised_by_its_beginning(a: Any) -> None:
    issued = token(a, make(a))
    assert re.fullmatch(r"il_[A-Za-z0-9_-]{43}", issued.secret)
    assert issued.secret.startswith(issued.row.prefix)
    with transaction.atomic():
        kept = json.dumps(list(ApiToken.objects.values("name", "prefix", "scopes")))
        told = b"".join(bytes(event.body) for event in Event.objects.filter(type="token.issued"))
    assert issued.secret not in kept
    assert issued.secret.encode() not in told


def test_the_api_makes_rotates_shows_the_last_use_and_closes(a: Any) -> None:
    client = Client()
    client.force_login(a.side.alice)
    here = {"X-Interlock-Tenant": "a"}

    def post(path: str, body: dict[str, Any], headers: dict[str, str] = here) -> Any:
        return client.post(path, json.dumps(body), content_type="application/json", headers=headers)

    made = post("/v1/services", {"name": "hook", "purpose": "receives webhooks"}).json()
    issued = post("/v1/tokens", {"name": "t", "user": made["user_id"], "scopes": ["view"]}).json()
    bearer = {"Authorization": f"Bearer {issued['token']}"}
    anonymous = Client()
    assert anonymous.get("/v1/me", headers=bearer).json()["kind"] == "service"
    rotated = anonymous.post(
        f"/v1/tokens/{issued['id']}/rotate", '{"overlap_hours": 0}', content_type="application/json", headers=bearer
    ).json()
    assert anonymous.get("/v1/me", headers=bearer).status_code == 401
    assert anonymous.get("/v1/me", headers={"Authorization": f"Bearer {rotated['token']}"}).status_code == 200
    rows = {row["id"]: row for row in client.get("/v1/tokens", headers=here).json()["results"]}
    assert rows[issued["id"]]["replaced_by"] == rotated["id"]
    assert rows[issued["id"]]["last_used_at"]
    assert post(f"/v1/services/{made['id']}/close", {}).json()["closed_at"]
    assert anonymous.get("/v1/me", headers={"Authorization": f"Bearer {rotated['token']}"}).status_code == 401
