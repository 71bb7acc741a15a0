"""Wake-ups: ids only, may come twice or late."""

from uuid import UUID

from evidence import jobs
from tenants import scope
from tenants.rounds import in_every_tenant


def export(tenant_id: str, job_id: str) -> None:
    with scope.enter(UUID(tenant_id)):
        jobs.carry_on(UUID(job_id))


def catch_up_exports() -> None:
    """For the sweeper: exports whose task was lost or whose worker died, in every tenant."""
    in_every_tenant(jobs.overdue)
