"""The kill switch when HTTP is down: a command beside the database, with the same rights and the same record."""

from types import SimpleNamespace

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction

from evidence.models import Event
from tenants import halts, scope


def stop(tenant: str, username: str) -> None:
    call_command("halt", tenant, "--as", username, "--reason", "HTTP is down")


def test_a_member_who_may_stops_the_tenant_and_it_is_on_record(committed_db: str, world: SimpleNamespace) -> None:
    stop("a", "bob@a.test")
    with scope.enter(world.a.tenant.id), transaction.atomic():
        assert [halt.reason for halt in halts.every_active()] == ["HTTP is down"]
        assert Event.objects.filter(type="halt.engaged").count() == 1


@pytest.mark.parametrize("username", ["charlie@b.test", "nobody"])
def test_a_stranger_stops_nothing(committed_db: str, world: SimpleNamespace, username: str) -> None:
    with pytest.raises(CommandError):
        stop("a", username)
    with scope.enter(world.a.tenant.id), transaction.atomic():
        assert halts.every_active() == []
