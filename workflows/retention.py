"""Content has its time; what an open run may still need outlives it."""

from collections.abc import Sequence
from uuid import UUID

from approvals import traces as approvals
from connectors import traces as connectors
from tenants import payloads
from workflows.models import Run, Step
from workflows.types import OPEN_RUN_STATES

BATCH = 500


def prolong() -> int:
    """Of the entered tenant's runs that have been open for long; returns how many contents stay longer."""
    old = Run.objects.filter(state__in=sorted(OPEN_RUN_STATES), created_at__lte=payloads.oldest_needed())
    ids = list(old.order_by("pk").values_list("pk", flat=True))
    return sum(_prolonged(ids[at : at + BATCH]) for at in range(0, len(ids), BATCH))


def _prolonged(runs: Sequence[UUID]) -> int:
    named = connectors.digests_of(runs) | approvals.digests_of(runs)
    outputs = Step.objects.filter(run__in=runs).values_list("output_digest", flat=True)
    triggers = Run.objects.filter(pk__in=runs).values_list("trigger_digest", flat=True)
    return payloads.prolong(holders=runs, digests=named | set(outputs) | set(triggers))
