"""Wake-ups: ids only, may come twice or late."""

from uuid import UUID

from policies import simulation
from tenants import scope
from tenants.rounds import in_every_tenant


def simulate(tenant_id: str, simulation_id: str) -> None:
    with scope.enter(UUID(tenant_id)):
        simulation.carry_on(UUID(simulation_id))


def catch_up_simulations() -> None:
    """For the sweeper: simulations whose task was lost or whose worker died, in every tenant."""
    in_every_tenant(simulation.overdue)
