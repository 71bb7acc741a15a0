"""Roles give permissions where they were given, and the effective permissions can be read by those who may."""

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from controlplane.lib.errors import Conflict, Invalid, NotFound
from tenants import granting, people, scope
from tenants.actors import Actor
from tenants.errors import PermissionMissing
from tenants.models import Environment, Membership, WorkspaceUserPermission
from tenants.permissions import held, held_anywhere, holds
from tenants.roles import ROLE_PERMISSIONS, Perm, Role


@pytest.fixture
def a(committed_db: str, world: SimpleNamespace, actor_of: Callable[..., Actor]) -> Iterator[Any]:
    """Tenant A, entered; its people as actors."""
    names = ("alice", "bob", "carol", "dana")
    actors = {name: actor_of(getattr(world.a, name), world.a.tenant) for name in names}
    with scope.enter(world.a.tenant.id):
        yield SimpleNamespace(side=world.a, world=world, place=world.a.workspace.id, **actors)


def give(a: Any, who: Actor, role: Role, environment_id: Any = None, by: Actor | None = None) -> Membership:
    return granting.grant_role(
        user_id=who.id, role=role, workspace_id=a.place, environment_id=environment_id, actor=by or a.alice
    )


def in_environment(a: Any, who: Actor, slug: str) -> frozenset[Perm]:
    with transaction.atomic():
        environment = Environment.objects.get(workspace_id=a.place, slug=slug)
        return held(who, a.place, environment.pk)


def environment_id(a: Any, slug: str) -> Any:
    with transaction.atomic():
        return Environment.objects.get(workspace_id=a.place, slug=slug).pk


def test_high_tiers_have_a_role_and_only_that_one() -> None:
    assert [role for role in Role if Perm.APPROVE_HIGH in ROLE_PERMISSIONS[role]] == [Role.SENIOR_APPROVER]
    assert not {Perm.APPROVE, Perm.APPROVE_HIGH} & ROLE_PERMISSIONS[Role.ADMIN]


def test_a_role_for_one_environment_holds_there_and_nowhere_else(a: Any) -> None:
    before = in_environment(a, a.bob, "prod")
    give(a, a.bob, Role.OPERATOR, environment_id(a, "dev"))
    assert {Perm.START_RUN, Perm.OPERATE} <= in_environment(a, a.bob, "dev")
    assert in_environment(a, a.bob, "prod") == before
    with transaction.atomic():
        assert held(a.bob, a.place) == held_anywhere(a.bob) == before


def test_taking_it_back_leaves_what_other_roles_give(a: Any) -> None:
    dev = give(a, a.bob, Role.OPERATOR, environment_id(a, "dev"))
    before = in_environment(a, a.bob, "prod")
    granting.withdraw_role(membership_id=dev.pk, actor=a.alice)
    assert in_environment(a, a.bob, "dev") == before
    assert in_environment(a, a.bob, "prod") == before >= {Perm.VIEW, Perm.APPROVE}


def test_the_last_administrator_stays(a: Any) -> None:
    with transaction.atomic():
        alices = Membership.objects.get(user_id=a.alice.id, role="admin").pk
    with pytest.raises(Conflict):
        granting.withdraw_role(membership_id=alices, actor=a.alice)
    give(a, a.bob, Role.ADMIN)
    granting.withdraw_role(membership_id=alices, actor=a.alice)
    with transaction.atomic():
        assert not holds(a.alice, Perm.ADMIN, a.place)


def test_a_role_of_the_whole_workspace_is_not_given_for_one_environment(a: Any) -> None:
    with pytest.raises(Invalid):
        give(a, a.bob, Role.AUDITOR, environment_id(a, "dev"))


def test_only_an_administrator_gives_roles_and_never_across_tenants(a: Any, elsewhere: Callable) -> None:
    with pytest.raises(PermissionMissing):
        give(a, a.bob, Role.SENIOR_APPROVER, by=a.bob)
    with elsewhere(a.world.b.tenant), transaction.atomic():
        foreign = Environment.objects.get(workspace_id=a.world.b.workspace.id, slug="dev").pk
    with pytest.raises(NotFound):
        give(a, a.bob, Role.OPERATOR, foreign)
    with transaction.atomic():
        assert not holds(a.bob, Perm.APPROVE_HIGH, a.place)


def test_effective_permissions_name_the_roles_that_give_them(a: Any) -> None:
    give(a, a.bob, Role.SENIOR_APPROVER)
    give(a, a.bob, Role.OPERATOR, environment_id(a, "dev"))
    with transaction.atomic():
        found = people.effective(a.alice, a.bob.id)
    workspace, dev = found.places
    by = {held.perm: set(held.by) for held in workspace.held}
    assert by[Perm.APPROVE] == {Role.APPROVER, Role.SENIOR_APPROVER}
    assert by[Perm.APPROVE_HIGH] == {Role.SENIOR_APPROVER}
    assert by[Perm.VIEW] == {Role.APPROVER, Role.SENIOR_APPROVER, Role.OPERATOR}
    there = {Perm.START_RUN, Perm.OPERATE, Perm.VIEW_PAYLOADS, Perm.ENGAGE_HALT, Perm.RELEASE_HALT}
    assert (dev.environment, {held.perm for held in dev.held}) == ("dev", there)


def test_what_no_role_explains_stands_out(a: Any) -> None:
    with transaction.atomic():
        row = WorkspaceUserPermission.objects.filter(user_id=a.alice.id, permission__codename="admin").get()
        WorkspaceUserPermission.objects.create(
            user_id=a.bob.id, permission=row.permission, content_object=row.content_object
        )
        (workspace,) = people.effective(a.alice, a.bob.id).places
    assert {held.perm: list(held.by) for held in workspace.held}[Perm.ADMIN] == []


def test_colleagues_read_themselves_administrators_read_all_strangers_nothing(a: Any, elsewhere: Callable) -> None:
    with transaction.atomic():
        assert [person.id for person in people.everyone(a.bob)] == [a.bob.id]
        assert len(people.everyone(a.alice)) == 4
        assert people.effective(a.bob, a.bob.id).person.username == "bob@a.test"
        with pytest.raises(PermissionMissing):
            people.effective(a.bob, a.carol.id)
        with pytest.raises(NotFound):
            people.effective(a.alice, a.world.b.bob.id)


def test_the_page_and_the_api_say_the_same(a: Any) -> None:
    client = Client()
    client.force_login(a.side.alice)
    page = client.get(f"/o/a/people/{a.bob.id}/")
    answer = client.get(f"/v1/people/{a.bob.id}", headers={"X-Interlock-Tenant": "a"}).json()
    assert [each["permission"] for each in answer["places"][0]["held"]] == [
        held.perm.value for held in page.context["found"].places[0].held
    ]
    assert "Approver" in page.content.decode()
