"""The kill switch when HTTP is down: a command beside the database, with the same record, for any scope."""

import getpass
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction

from evidence.models import Event
from tenants import halts, scope

pytestmark = pytest.mark.usefixtures("committed_db")


def stop(*options: str) -> None:
    call_command("halt", "engage", "a", "--reason", "HTTP is down", *options)


def in_force(world: SimpleNamespace, side: str = "a") -> list[tuple[str, str, str]]:
    with scope.enter(getattr(world, side).tenant.id), transaction.atomic():
        return [(halt.scope, halt.mode, halt.engaged_by_label) for halt in halts.every_active()]


def test_a_member_who_may_stops_the_tenant_and_it_is_on_record(world: SimpleNamespace) -> None:
    stop("--as", "bob@a.test")
    assert in_force(world) == [("tenant", "freeze", world.a.bob.label)]
    with scope.enter(world.a.tenant.id), transaction.atomic():
        assert list(Event.objects.filter(type__startswith="halt.").order_by("id").values_list("type", flat=True)) == [
            "halt.engaged",
            "halt.confirmed",
        ]


def test_whoever_stands_beside_the_database_stops_without_an_account(world: SimpleNamespace) -> None:
    stop("--scope", "connector:slack", "--undo")
    [(covered, mode, who)] = in_force(world)
    assert (covered, mode) == ("connector:slack", "stop_and_undo")
    assert who.startswith(f"host {getpass.getuser()}@")


def test_a_global_halt_is_seen_by_every_tenant(world: SimpleNamespace) -> None:
    stop("--scope", "global")
    assert in_force(world)[0][:2] == in_force(world, "b")[0][:2] == ("global", "freeze")


@pytest.mark.parametrize("username", ["charlie@b.test", "nobody"])
def test_a_stranger_stops_nothing(world: SimpleNamespace, username: str) -> None:
    with pytest.raises(CommandError):
        stop("--as", username)
    assert in_force(world) == []


@pytest.mark.parametrize("wanted", ["everything", "connector", "tenant:a"])
def test_a_scope_that_means_nothing_is_refused(world: SimpleNamespace, wanted: str) -> None:
    with pytest.raises(CommandError):
        stop("--scope", wanted)
    assert in_force(world) == []


def test_status_and_list_say_what_is_stopped(world: SimpleNamespace, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("halt", "status", "a")
    assert capsys.readouterr().out == "nothing is stopped\n"
    stop()
    assert "confirmed after" in capsys.readouterr().out
    for action in ("status", "list"):
        call_command("halt", action, "a")
        assert "tenant  freeze  confirmed" in capsys.readouterr().out


def test_the_host_can_stop_but_never_release(world: SimpleNamespace, actor_of: Callable[..., object]) -> None:
    from controlplane.lib.errors import Forbidden
    from tenants.actors import Actor

    stop()
    host = Actor.host(world.a.tenant.id, "root@here")
    with scope.enter(world.a.tenant.id):
        with transaction.atomic():
            [halt] = halts.every_active()
        with pytest.raises(Forbidden):
            halts.request_release(halt_id=halt.id, reason="over", actor=host)
    assert len(in_force(world)) == 1
