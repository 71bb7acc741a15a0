"""Publishing: who may, what is kept, what is refused, how it comes back, and how it stays fresh."""

from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.utils import IntegrityError, ProgrammingError

from controlplane.lib import clock
from controlplane.lib.errors import Invalid, NotFound
from evidence.models import Event
from policies import access, packs, services
from policies.errors import PolicyRefused, SecondPersonNeeded
from policies.models import Activation, Bundle, PolicyVersion, Standing
from policies.types import PackSource
from tenants import scope
from tenants.errors import PermissionMissing

TRIAGE = {"triage": packs.triage(channels=["C0TEAM0001"])}


def test_publishing_checks_signs_activates_and_tells(inside: SimpleNamespace, actor_of: Callable[..., Any]) -> None:
    actor = actor_of(inside.alice, inside.tenant)
    activation = services.publish(environment_id=inside.environment.id, packs=TRIAGE, actor=actor, reason="first")
    standing = access.active(actor, inside.environment.id)
    assert standing is not None
    assert (standing.activation, standing.seq, access.doubt(standing)) == (activation, 1, "")
    assert (activation.author_id, activation.activated_by_id) == (inside.alice.id, inside.alice.id)
    assert activation.bundle.packs == [{"pack": "triage", "number": 1, "digest": TRIAGE["triage"].digest}]
    assert Event.objects.filter(type="policy.activated").count() == 1


@pytest.mark.parametrize("name", ["bob", "dana"])
def test_who_may_not_publish_changes_nothing(inside: SimpleNamespace, actor_of: Callable[..., Any], name: str) -> None:
    with pytest.raises(PermissionMissing):
        services.publish(
            environment_id=inside.environment.id, packs=TRIAGE, actor=actor_of(getattr(inside, name), inside.tenant)
        )
    assert (Activation.objects.count(), Bundle.objects.count(), PolicyVersion.objects.count()) == (0, 0, 0)


def test_an_environment_of_another_tenant_is_missing(
    inside: SimpleNamespace, world: SimpleNamespace, actor_of: Callable[..., Any]
) -> None:
    actor = actor_of(inside.alice, inside.tenant)
    with pytest.raises(NotFound):
        services.publish(environment_id=world.b.environment.id, packs=TRIAGE, actor=actor)
    with pytest.raises(NotFound):
        access.active(actor, world.b.environment.id)


def test_a_refused_pack_changes_nothing(inside: SimpleNamespace, actor_of: Callable[..., Any]) -> None:
    bad = {"mine": PackSource('package interlock.packs.mine\ngrants contains {"all": http.send({})}')}
    with pytest.raises(PolicyRefused):
        services.publish(environment_id=inside.environment.id, packs=bad, actor=actor_of(inside.alice, inside.tenant))
    assert (Standing.objects.count(), PolicyVersion.objects.count()) == (0, 0)


def test_only_the_first_policy_of_an_environment_is_published_at_once(published: SimpleNamespace) -> None:
    more = {**TRIAGE, "mine": PackSource("package interlock.packs.mine")}
    with pytest.raises(SecondPersonNeeded):
        services.publish(environment_id=published.environment.id, packs=more, actor=published.actor)
    assert (Standing.objects.get().seq, Activation.objects.count()) == (1, 1)


@pytest.mark.parametrize("ttl_s", [0, 299, 901])
def test_a_lifetime_out_of_bounds_is_refused(published: SimpleNamespace, ttl_s: int) -> None:
    with pytest.raises(Invalid):
        services.publish(environment_id=published.environment.id, packs=TRIAGE, actor=published.actor, ttl_s=ttl_s)


def test_the_same_text_is_one_version_and_another_is_the_next(
    published: SimpleNamespace, activate: Callable[..., Any]
) -> None:
    again = activate()
    other = activate(channels=["C0OTHER001"])
    assert [(a.seq, a.bundle.packs[0]["number"]) for a in (published.activation, again, other)] == [
        (1, 1),
        (2, 1),
        (3, 2),
    ]
    assert again.bundle == published.activation.bundle
    assert Bundle.objects.count() == 2


def test_a_statement_is_renewed_after_a_third_of_its_life(published: SimpleNamespace) -> None:
    before = Standing.objects.get()
    with clock.frozen(clock.now() + timedelta(seconds=before.ttl_s / 3 - 5)):
        assert services.refresh_due() == 0
    with clock.frozen(clock.now() + timedelta(seconds=before.ttl_s / 3 + 5)):
        assert services.refresh_due() == 1
        assert services.refresh_due() == 0
    after = Standing.objects.get()
    assert (after.seq, after.activation) == (before.seq, before.activation)
    assert after.not_after > before.not_after
    assert after.statement != before.statement


def test_every_tenant_is_refreshed_without_a_scope(world: SimpleNamespace, actor_of: Callable[..., Any]) -> None:
    from tests import policy_ground

    for side in (world.a, world.b):
        with scope.enter(side.tenant.id):
            policy_ground.activate_packs(
                environment_id=side.environment.id,
                packs=TRIAGE,
                actor=actor_of(side.alice, side.tenant),
                reason="",
                ttl_s=300,
            )
    with clock.frozen(clock.now() + timedelta(seconds=120)):
        assert services.refresh_due() == 2


def test_the_database_keeps_numbers_going_up_and_history_as_it_was(
    published: SimpleNamespace, activate: Callable[..., Any]
) -> None:
    activate()
    with pytest.raises(IntegrityError, match="never goes down"), transaction.atomic():
        Standing.objects.update(seq=1)
    for table in ("policies_activation", "policies_bundle", "policies_policyversion", "policies_decisionrecord"):
        for statement in (f"UPDATE {table} SET created_at = now()", f"DELETE FROM {table}"):
            with pytest.raises(ProgrammingError), transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(statement)
