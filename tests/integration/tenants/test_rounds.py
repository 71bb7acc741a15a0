"""What every tenant is due: one whose data is broken keeps no other waiting."""

from collections.abc import Callable
from uuid import UUID

import pytest
from cryptography.exceptions import InvalidTag
from django.db import OperationalError

from controlplane.lib.errors import LostRace
from tenants import rounds, scope


@pytest.mark.parametrize("wrong", [InvalidTag(), LostRace("moved on"), KeyError("gone")])
def test_one_tenant_fails_and_all_others_are_served(
    world: object, wrong: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    served: list[UUID] = []
    rounds.in_every_tenant(_failing_in(world.a.tenant.id, wrong, served))  # type: ignore[attr-defined]
    assert world.a.tenant.id not in served  # type: ignore[attr-defined]
    assert world.b.tenant.id in served  # type: ignore[attr-defined]
    assert "in one tenant" in caplog.text


def test_without_a_database_nobody_is_served(world: object) -> None:
    served: list[UUID] = []
    with pytest.raises(OperationalError):
        rounds.in_every_tenant(_failing_in(None, OperationalError("gone"), served))
    assert served == []


def _failing_in(tenant_id: UUID | None, wrong: Exception, served: list[UUID]) -> Callable[[], None]:
    """Work that fails in one tenant, or in all."""

    def work() -> None:
        if tenant_id in (None, scope.current()):
            raise wrong
        served.append(scope.current())

    return work
