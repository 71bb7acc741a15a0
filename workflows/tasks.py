"""Tasks of the workers: wake-ups with ids only, which may come twice or late."""

from uuid import UUID

from connectors import gateway
from controlplane.lib.logs import bind
from policies.services import decide
from tenants import scope
from workflows.engine import Engine


def wake_run(tenant_id: str, run_id: str) -> None:
    with bind(tenant_id=tenant_id), scope.enter(UUID(tenant_id)):
        Engine(gateway, decide).wake(UUID(run_id))
