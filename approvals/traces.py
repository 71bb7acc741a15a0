"""What requests of runs have left behind outside the record, for whoever has to erase it."""

from collections.abc import Collection
from uuid import UUID

from approvals.models import ApprovalRequest


def digests_of(runs: Collection[UUID]) -> set[str]:
    """Payloads that hold what people were shown."""
    return set(ApprovalRequest.objects.filter(run_id__in=runs).values_list("display_digest", flat=True))


def runs_with(digests: Collection[str]) -> set[UUID]:
    return set(ApprovalRequest.objects.filter(display_digest__in=digests).values_list("run_id", flat=True))


def blank(runs: Collection[UUID], words: str) -> None:
    ApprovalRequest.objects.filter(run_id__in=runs).update(title=words)
