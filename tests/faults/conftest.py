"""The tenant that is ready to make calls, as in the integration tests of the gateway, and one that may do all."""

from types import SimpleNamespace

import pytest
from django.conf import settings as django_settings

from tests import policy_ground
from tests.faults.doubts import FREE
from tests.integration.connectors.conftest import (  # noqa: F401 - fixtures
    approve,
    bare,
    ready,
    running_stand_ins,
    vendors,
)
from tests.stand_ins import StandIns


@pytest.fixture
def free(
    committed_db: str,
    bare: SimpleNamespace,  # noqa: F811
    vendors: StandIns,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> SimpleNamespace:
    """A tenant whose policy allows all of it. Nobody sequences the evidence here, so its backlog stops nothing."""
    monkeypatch.setattr(django_settings, "INTERLOCK_EVIDENCE_MAX_LAG_S", 10**6)
    monkeypatch.setattr(django_settings, "INTERLOCK_EVIDENCE_MAX_PENDING", 10**6)
    policy_ground.activate_packs(
        environment_id=bare.environment.id, packs={"free": FREE}, actor=bare.admin, reason="", ttl_s=None
    )
    return bare
