"""Whoever has a role in one environment does there what it allows, and nothing in another or in the whole workspace."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from django.db import transaction
from django.test import Client

from approvals import services as approvals
from approvals.access import queue
from approvals.models import Vote
from approvals.people import who_could_decide
from connectors import access as calls
from connectors import drills
from connectors.models import ToolCall
from controlplane.lib import clock
from controlplane.lib.errors import DomainError
from evidence import access as record
from evidence import erasing
from policies import packs
from tenants import access, granting, halts, people, scope
from tenants.actors import Actor
from tenants.errors import PermissionMissing
from tenants.halts import Kind, Scope
from tenants.models import Environment, Halt
from tenants.permissions import held, held_anywhere
from tenants.roles import IN_ENVIRONMENT, OF_ENVIRONMENT, ROLE_PERMISSIONS, Perm, Role
from tests import asking, running
from tests.environment_verbs import VERBS, Verb, halt, vote
from workflows import redriving
from workflows.redriving import Selection
from workflows.types import RedriveState

REFUSED = {"permission_missing", "may_not_vote", "may_not_withdraw"}


@pytest.fixture
def g(committed_db: str, world: SimpleNamespace, actor_of: Callable[..., Actor]) -> Iterator[Any]:
    """Tenant A, entered: alice administers, bob has nothing yet beside what a test gives him."""
    alice, bob = actor_of(world.a.alice, world.a.tenant), actor_of(world.a.bob, world.a.tenant)
    with scope.enter(world.a.tenant.id):
        for row in people_roles(alice, bob):
            granting.withdraw_role(membership_id=row, actor=alice)
        with transaction.atomic():
            named = {place.slug: place for place in Environment.objects.select_related("workspace")}
        yield SimpleNamespace(
            world=world,
            a=world.a,
            alice=alice,
            bob=bob,
            here=named["dev"],
            there=named["prod"],
            pack=packs.triage(channels=["C0ONE00001"]),
        )


def people_roles(alice: Actor, bob: Actor) -> list[UUID]:
    with transaction.atomic():
        return [given.membership_id for given in people.effective(alice, bob.id).person.roles]


def give(g: Any, role: Role, place: Environment) -> None:
    granting.grant_role(
        user_id=g.bob.id, role=role, workspace_id=g.a.workspace.id, environment_id=place.pk, actor=g.alice
    )


@pytest.mark.parametrize("name", VERBS)
def test_a_role_in_one_environment_counts_there_and_nowhere_else(g: Any, name: str) -> None:
    verb = VERBS[name]
    mine, foreign = verb.make(g, g.here), verb.make(g, g.there)
    give(g, verb.role, g.here)
    assert outcome(verb, foreign, g.bob) in REFUSED
    assert outcome(verb, mine, g.bob) in ("done", *verb.past)


def outcome(verb: Verb, thing: Any, actor: Actor) -> str:
    """The code of the refusal; "done" without one."""
    try:
        verb.act(thing, actor)
    except DomainError as refusal:
        return refusal.code
    return "done"


@pytest.mark.parametrize("role", sorted(IN_ENVIRONMENT))
def test_no_role_in_an_environment_gives_more_of_the_workspace_than_a_look(g: Any, role: Role) -> None:
    give(g, role, g.here)
    look = ROLE_PERMISSIONS[role] & {Perm.VIEW, Perm.VIEW_COSTS}
    with transaction.atomic():
        assert held(g.bob, g.a.workspace.id) == held_anywhere(g.bob) == look
        assert held(g.bob, g.a.workspace.id, g.there.pk) == look
        assert held(g.bob, g.a.workspace.id, g.here.pk) == look | ROLE_PERMISSIONS[role] & OF_ENVIRONMENT
        assert [place.pk for place in access.environments(g.bob, Perm.START_RUN)] == (
            [g.here.pk] if Perm.START_RUN in ROLE_PERMISSIONS[role] else []
        )


def test_a_halt_of_more_than_the_environment_is_refused(g: Any) -> None:
    give(g, Role.OPERATOR, g.here)
    for covered in (
        Scope(Kind.TENANT),
        Scope(Kind.WORKSPACE, "itsm"),
        Scope(Kind.TOOL, "t"),
        Scope(Kind.CONNECTOR, "c"),
    ):
        with pytest.raises(PermissionMissing):
            halts.engage(scope=covered, mode=Halt.Mode.FREEZE, reason="why", actor=g.bob)
    with pytest.raises(PermissionMissing):
        drills.rehearse(environment_id=g.there.pk, actor=g.bob)


def test_two_people_release_what_covers_their_environment(g: Any, actor_of: Callable[..., Actor]) -> None:
    carol = actor_of(g.a.carol, g.a.tenant)
    give(g, Role.OPERATOR, g.here)
    halt_id = halt(g, g.here)
    halts.request_release(halt_id=halt_id, reason="mended", actor=carol)
    assert halts.release(halt_id=halt_id, actor=g.bob).released_at is not None


def test_a_redrive_takes_the_letters_of_the_environments_that_one_operates(g: Any) -> None:
    runs = {place.slug: running.stopped_run(g.world, environment=place) for place in (g.here, g.there)}
    give(g, Role.OPERATOR, g.here)
    chosen = {"selection": Selection(workspace_id=g.a.workspace.id), "per_minute": 60, "reason": "fixed"}
    mine, whole = redriving.plan(**chosen, actor=g.bob), redriving.plan(**chosen, actor=g.alice)
    with transaction.atomic():
        assert [item.letter.run_id for item in mine.items.select_related("letter")] == [runs["dev"].pk]
    assert (mine.total, whole.total) == (1, 2)
    assert redriving.move(job_id=mine.pk, to=RedriveState.RUNNING, actor=g.bob).state == RedriveState.RUNNING
    with pytest.raises(PermissionMissing):
        redriving.move(job_id=whole.pk, to=RedriveState.RUNNING, actor=g.bob)


def test_content_is_read_where_the_role_is(g: Any) -> None:
    give(g, Role.OPERATOR, g.here)
    for place, shown in ((g.here, True), (g.there, False)):
        run = running.stopped_run(g.world, environment=place)
        with transaction.atomic():
            call = ToolCall.objects.get(run_id=run.pk)
            assert bool(calls.images(g.bob, call).after) is shown


def test_the_queue_the_vote_and_its_use_follow_the_environment(g: Any) -> None:
    mine, foreign = (asking.ask(g.world, environment_id=place.pk) for place in (g.here, g.there))
    give(g, Role.APPROVER, g.here)
    with transaction.atomic():
        assert [item.id for item in queue(g.bob)] == [mine.pk]
        assert {item.id for item in queue(g.bob, "all")} == {mine.pk, foreign.pk}
        assert g.bob.id in who_could_decide(mine)
        assert g.bob.id not in who_could_decide(foreign)
    vote(mine, g.bob)
    with transaction.atomic():
        mine.refresh_from_db()
        assert approvals.lapsed(mine) == ""
    for row in people_roles(g.alice, g.bob):
        granting.withdraw_role(membership_id=row, actor=g.alice)
    with transaction.atomic():
        assert "Bob" in approvals.lapsed(mine)


def test_a_place_is_not_filled_by_a_role_of_elsewhere(g: Any) -> None:
    granting.grant_role(user_id=g.bob.id, role=Role.APPROVER, workspace_id=g.a.workspace.id, actor=g.alice)
    give(g, Role.SENIOR_APPROVER, g.here)
    for place, roles in ((g.here, ["approver", "senior_approver"]), (g.there, ["approver"])):
        vote(asking.ask(g.world, environment_id=place.pk, roles=["approver"]), g.bob)
        with transaction.atomic():
            assert Vote.objects.order_by("-cast_at").first().roles == roles


def test_a_stand_in_uses_the_right_where_it_was_given(g: Any, actor_of: Callable[..., Actor]) -> None:
    give(g, Role.APPROVER, g.here)
    dana, now = actor_of(g.a.dana, g.a.tenant), clock.now()
    lent = {"starts_at": now - timedelta(minutes=1), "ends_at": now + timedelta(days=1), "reason": "away"}
    approvals.delegate(workspace_id=g.a.workspace.id, stand_in_id=dana.id, actor=g.bob, **lent)
    starter = {"run_starter_id": g.alice.id}
    mine, foreign = (asking.ask(g.world, environment_id=place.pk, **starter) for place in (g.here, g.there))
    with transaction.atomic():
        assert [item.id for item in queue(dana)] == [mine.pk]
    vote(mine, dana)
    with pytest.raises(DomainError) as refusal:
        vote(foreign, dana)
    assert refusal.value.code == "may_not_vote"


def test_what_is_of_the_whole_organisation_is_read_by_whoever_may_look_somewhere(g: Any) -> None:
    with transaction.atomic(), pytest.raises(PermissionMissing):
        erasing.retention_of(g.bob)
    give(g, Role.POLICY_SERVER, g.here)
    with transaction.atomic(), pytest.raises(PermissionMissing):
        record.trust_file(g.bob)
    give(g, Role.OPERATOR, g.here)
    with transaction.atomic():
        assert erasing.retention_of(g.bob).audit_days > 0
        assert record.trust_file(g.bob)
    with pytest.raises(PermissionMissing):
        erasing.set_retention(content_days=20, audit_days=400, actor=g.bob)


def test_the_page_offers_what_the_verb_allows(g: Any) -> None:
    for place in (g.here, g.there):
        running.stopped_run(g.world, environment=place, ticket_number=f"INC-{place.slug}")
    give(g, Role.OPERATOR, g.here)
    client = Client()
    client.force_login(g.a.bob)
    page = client.get("/o/a/dead-letters/").content.decode()
    assert 'Redrive<span class="unseen"> INC-dev' in page
    assert 'Redrive<span class="unseen"> INC-prod' not in page
