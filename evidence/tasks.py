"""Wake-ups: ids only, may come twice or late."""

from uuid import UUID

from django.db import transaction

from evidence import jobs
from tenants import scope
from tenants.services import every_tenant


def export(tenant_id: str, job_id: str) -> None:
    with scope.enter(UUID(tenant_id)):
        jobs.carry_on(UUID(job_id))


def catch_up_exports() -> None:
    """For the sweeper: exports whose task was lost or whose worker died, in every tenant."""
    with transaction.atomic():
        tenants = every_tenant()
    for tenant_id in tenants:
        with scope.enter(tenant_id):
            jobs.overdue()
