"""When people hear of a request that waits: a reminder at half of its time, an escalation at four fifths. Pure."""

from collections.abc import Collection
from datetime import datetime, timedelta

from approvals.types import Stage

SHORTEST = timedelta(minutes=5)
"""A request that waits for less is over before a reminder would be read."""

LEFT = {Stage.REMINDER: 0.5, Stage.ESCALATION: 0.2}
"""How much of the time is left at each stage."""


def due(total: timedelta, deadline: datetime, now: datetime, told: Collection[Stage]) -> Stage | None:
    """What is to be told now; only the latest of what was missed. `total`: the time that was given, without halts."""
    if total < SHORTEST or now >= deadline:
        return None
    reached = [stage for stage in Stage if deadline - now <= total * LEFT[stage]]
    return reached[-1] if reached and reached[-1] not in told else None


def next_look(now: datetime, total: timedelta, deadline: datetime, told: Collection[Stage]) -> datetime:
    """When the sweeper looks at it again; `deadline` is as of now."""
    stages = () if total < SHORTEST else tuple(stage for stage in Stage if stage not in told)
    moments = [deadline - total * LEFT[stage] for stage in stages]
    return min([moment for moment in moments if moment > now] + [deadline])
