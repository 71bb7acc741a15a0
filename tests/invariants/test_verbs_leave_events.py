"""Every verb of the product leaves its event, or is listed with a reason; without its event, nothing has happened.

Verbs are read from the source, so a new one is covered by existing. What the suites of the apps do besides is watched
row by row (`tests/leaving.py`).
"""

from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.db import connection, transaction

from evidence import recording
from metering import services as metering
from metering.types import BudgetKind, Period
from tenants import scope, services, triggers, vault
from tenants.models import ApiToken, Credential, HaltTrigger, Membership
from tenants.roles import Role
from tests import leaving, verbs


def test_every_verb_leads_to_the_record_or_is_listed_with_a_reason() -> None:
    silent = {path for path in verbs.verbs() if not verbs.records(path)}
    assert silent - set(leaving.SILENT) == set(), "record an event, or say in tests/leaving.py why there is none"
    assert {path for path in leaving.SILENT if path in verbs.verbs()} - silent == set(), "these do leave an event"


def test_nobody_is_listed_who_is_not_there() -> None:
    assert set(leaving.SILENT) - set(verbs.verbs()) == set()


def test_a_road_that_does_not_lead_to_the_record_is_not_taken_for_one() -> None:
    assert verbs.records("tenants.granting.grant_role")
    assert not verbs.records("workflows.locks.claim")
    assert len(verbs.verbs()) > 100


Order = tuple[Callable[[SimpleNamespace, object], object], Callable[[SimpleNamespace], object]]

VERBS: dict[str, Order] = {
    "grant_role": (
        lambda a, actor: services.grant_role(
            user_id=a.dana.id, role=Role.APPROVER, workspace_id=a.workspace.id, actor=actor
        ),
        lambda a: Membership.objects.filter(user_id=a.dana.id).count(),
    ),
    "withdraw_role": (
        lambda a, actor: services.withdraw_role(
            membership_id=Membership.objects.get(user_id=a.dana.id).pk, actor=actor
        ),
        lambda a: Membership.objects.filter(user_id=a.dana.id).count(),
    ),
    "issue_token": (
        lambda a, actor: services.issue_token(
            user_id=a.alice.id, name="t", scopes=["view"], lives=timedelta(days=1), actor=actor
        ),
        lambda a: ApiToken.objects.count(),
    ),
    "store_credential": (
        lambda a, actor: vault.store(name="crm", secret=b"s", actor=actor),
        lambda a: Credential.objects.count(),
    ),
    "set_trigger": (
        lambda a, actor: triggers.set_trigger(name="t", rule=triggers.Rule(kind="canary"), actor=actor),
        lambda a: HaltTrigger.objects.count(),
    ),
    "set_budget": (
        lambda a, actor: metering.set_budget(
            kind=BudgetKind.TENANT, value="", period=Period.DAY, limit_micros=1, actor=actor
        ),
        lambda a: metering.Budget.objects.count(),
    ),
}
"""What an administrator does, and what can be counted of it."""


@pytest.mark.parametrize("name", VERBS)
def test_what_cannot_be_recorded_does_not_happen(
    world: SimpleNamespace, actor_of: Callable, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    work, count = VERBS[name]
    actor = actor_of(world.a.alice, world.a.tenant)

    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("the record is closed")

    with scope.enter(world.a.tenant.id):
        with transaction.atomic():
            before = count(world.a)
        with monkeypatch.context() as patched:
            patched.setattr(recording, "write_many", refuse)
            with pytest.raises(RuntimeError, match="closed"):
                work(world.a, actor)
        with transaction.atomic():
            assert count(world.a) == before
        with leaving.watching(monkeypatch) as found:
            work(world.a, actor)
        assert found == {}
        with transaction.atomic():
            assert count(world.a) != before


def test_the_watch_sees_a_change_that_leaves_no_event(world: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    """A verb as it must not be: made here under the name of one of ours."""

    def forgetful() -> None:
        with connection.cursor() as cursor:
            cursor.execute("UPDATE tenants_workspace SET name = 'other'")

    forgetful.__module__ = "tenants.services"
    with leaving.watching(monkeypatch) as found, scope.enter(world.a.tenant.id):
        transaction.atomic(durable=True)(forgetful)()
    assert [tables for verb, tables in found.items() if verb.startswith("tenants.services.")] == [{"tenants_workspace"}]
