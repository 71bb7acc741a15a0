"""The kill switch: linearizable with dispatch, released by two people, unreadable means halted."""

import threading
import time
from collections.abc import Callable

import psycopg
import pytest
from django.db import DatabaseError, connection, transaction

from controlplane.lib.errors import Forbidden, Invalid
from evidence.models import Event
from tenants import halts, ports, scope
from tenants.actors import Actor
from tenants.errors import HaltState, HaltsUnreadable, PermissionMissing, SecondPersonNeeded
from tenants.halt_scopes import Kind, Scope
from tenants.models import Halt, User, Workspace, WorkspaceUserPermission
from tests import ground

WORKFLOW = Scope(Kind.WORKFLOW, "itsm-triage")
TENANT = Scope(Kind.TENANT)


def _engage(world: object, actor_of: Callable, wanted: Scope = TENANT, side: str = "a") -> Halt:
    place = getattr(world, side)
    with scope.enter(place.tenant.id):
        return halts.engage(scope=wanted, mode="freeze", reason="odd writes", actor=actor_of(place.dana, place.tenant))


def test_a_halt_covers_its_scope_and_no_other_tenant(world: object, actor_of: Callable, in_scope: Callable) -> None:
    _engage(world, actor_of, WORKFLOW)
    with in_scope(world.a.tenant):
        assert [h.mode for h in halts.active([TENANT, WORKFLOW])] == ["freeze"]
        assert halts.active([TENANT, Scope(Kind.WORKFLOW, "other")]) == []
    with in_scope(world.b.tenant):
        assert halts.active([TENANT, WORKFLOW]) == []
        assert halts.every_active() == []


def test_release_needs_a_reason_and_a_second_person(world: object, actor_of: Callable, in_scope: Callable) -> None:
    halt = _engage(world, actor_of)
    dana, bob = actor_of(world.a.dana, world.a.tenant), actor_of(world.a.bob, world.a.tenant)
    with scope.enter(world.a.tenant.id):
        with pytest.raises(HaltState):
            halts.release(halt_id=halt.id, actor=bob)
        with pytest.raises(Invalid):
            halts.request_release(halt_id=halt.id, reason=" ", actor=dana)
        halts.request_release(halt_id=halt.id, reason="fixed", actor=dana)
        with pytest.raises(SecondPersonNeeded):
            halts.release(halt_id=halt.id, actor=dana)
        with transaction.atomic():
            assert len(halts.active([TENANT])) == 1
        halts.release(halt_id=halt.id, actor=bob)
        with transaction.atomic():
            assert halts.active([TENANT]) == []


def test_who_may_not_engage_changes_nothing(world: object, actor_of: Callable, in_scope: Callable) -> None:
    stranger = actor_of(world.charlie, world.a.tenant)
    operator = actor_of(world.a.dana, world.a.tenant)
    with scope.enter(world.a.tenant.id):
        with pytest.raises(PermissionMissing):
            halts.engage(scope=TENANT, mode="freeze", reason="x", actor=stranger)
        with pytest.raises(Forbidden):
            halts.engage(scope=Scope(Kind.GLOBAL), mode="freeze", reason="x", actor=operator)
        with pytest.raises(Invalid):
            halts.engage(scope=TENANT, mode="pause", reason="x", actor=operator)
        with transaction.atomic():
            assert Halt.objects.count() == 0


@pytest.mark.races
def test_engage_waits_for_a_dispatch_that_holds_the_scope(committed_db: str, world: object, actor_of: Callable) -> None:
    order: list[str] = []
    held = threading.Event()

    def dispatch() -> None:
        with scope.enter(world.a.tenant.id), transaction.atomic():
            halts.hold([TENANT, WORKFLOW])
            assert halts.active([TENANT, WORKFLOW]) == []
            held.set()
            time.sleep(0.4)
            order.append("dispatched")
        connection.close()

    thread = threading.Thread(target=dispatch)
    thread.start()
    held.wait(5)
    _engage(world, actor_of)
    order.append("engaged")
    thread.join()
    assert order == ["dispatched", "engaged"]
    with scope.enter(world.a.tenant.id), transaction.atomic():
        halts.hold([TENANT, WORKFLOW])
        assert len(halts.active([TENANT, WORKFLOW])) == 1


def test_unreadable_halts_raise(committed_db: str, world: object) -> None:
    with psycopg.connect(ground.superuser_dsn(committed_db), autocommit=True) as admin:
        admin.execute("REVOKE SELECT ON tenants_halt FROM interlock_app")
    with scope.enter(world.a.tenant.id), transaction.atomic(), pytest.raises(HaltsUnreadable):
        halts.active([TENANT])


def test_a_halt_stands_without_its_evidence(
    committed_db: str, world: object, actor_of: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM no_such_table")

    with monkeypatch.context() as broken:
        broken.setattr(ports.record, "_bound", refuse)
        halt = _engage(world, actor_of)
    with scope.enter(world.a.tenant.id), transaction.atomic():
        assert [h.id for h in halts.active([TENANT])] == [halt.id]
        assert (Halt.objects.get().recorded, Halt.objects.get().confirm_recorded) == (False, False)
        assert halts.tenants_concerned() == [world.a.tenant.id]
    with scope.enter(world.a.tenant.id):
        assert halts.make_good(actor=Actor.system(world.a.tenant.id, "sweeper")) == 1
        assert halts.make_good(actor=Actor.system(world.a.tenant.id, "sweeper")) == 0
        with transaction.atomic():
            told = list(Event.objects.filter(type__startswith="halt.").order_by("id").values_list("type", flat=True))
    assert told == ["halt.engaged", "halt.confirmed"]


@pytest.mark.races
def test_a_worker_that_sleeps_inside_its_dispatch_does_not_keep_the_switch_waiting(
    committed_db: str, world: object, actor_of: Callable
) -> None:
    """Its session is ended: the transaction that it held open never commits."""
    woken, held = threading.Event(), threading.Event()
    outcome: list[str] = []

    def dispatch() -> None:
        try:
            with scope.enter(world.a.tenant.id), transaction.atomic():
                halts.hold([TENANT, WORKFLOW])
                assert halts.active([TENANT]) == []
                held.set()
                woken.wait(30)
                Halt.objects.count()
            outcome.append("committed")
        except DatabaseError:
            outcome.append("rolled back")
        finally:
            connection.close()

    thread = threading.Thread(target=dispatch)
    thread.start()
    held.wait(5)
    began = time.monotonic()
    halt = _engage(world, actor_of)
    assert time.monotonic() - began < 10
    woken.set()
    thread.join()
    assert (outcome, halt.state) == (["rolled back"], "confirmed")


def test_a_halt_of_the_deployment_is_confirmed_and_told_once(
    committed_db: str, world: object, actor_of: Callable
) -> None:
    User.objects.filter(pk=world.a.dana.pk).update(is_staff=True)
    halt = _engage(world, actor_of, Scope(Kind.GLOBAL))
    assert halt.confirmed_after_ms is not None
    with transaction.atomic():
        assert halts.tenants_concerned() == [world.a.tenant.id]
    with scope.enter(world.b.tenant.id), transaction.atomic():
        assert [h.scope for h in halts.active([Scope(Kind.GLOBAL)])] == ["global"]
        assert not Event.objects.filter(type__startswith="halt.").exists()


def test_a_workspace_is_released_by_its_own_people(world: object, actor_of: Callable) -> None:
    halt = _engage(world, actor_of, Scope(Kind.WORKSPACE, world.a.workspace.slug))
    dana = actor_of(world.a.dana, world.a.tenant)
    with scope.enter(world.a.tenant.id):
        WorkspaceUserPermission.objects.filter(user=world.a.dana).update(content_object=_other_workspace())
        with pytest.raises(PermissionMissing):
            halts.request_release(halt_id=halt.id, reason="fixed", actor=dana)


def _other_workspace() -> Workspace:
    return Workspace.objects.create(slug="other", name="Other")
