"""What decisions about runs have left behind outside the record, for whoever has to erase it."""

from collections.abc import Collection
from uuid import UUID

from policies.models import DecisionRecord


def digests_of(runs: Collection[UUID]) -> set[str]:
    """Payloads that hold the questions."""
    return set(DecisionRecord.objects.filter(run_id__in=runs).values_list("input_digest", flat=True))


def runs_with(digests: Collection[str]) -> set[UUID]:
    runs = DecisionRecord.objects.filter(input_digest__in=digests).values_list("run_id", flat=True)
    return {run_id for run_id in runs if run_id}
