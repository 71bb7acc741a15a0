"""What calls of runs have left behind outside the record, for whoever has to erase it."""

from collections.abc import Collection
from functools import reduce
from operator import or_
from uuid import UUID

from django.db.models import Q

from connectors.models import ToolCall

DIGESTS = (
    "args_digest", "bound_args_digest", "before_digest", "after_digest", "output_digest", "expected_digest",
    "undo_digest",
)  # fmt: skip


def digests_of(runs: Collection[UUID]) -> set[str]:
    """Payloads that the calls of these runs name."""
    rows = ToolCall.objects.filter(run_id__in=runs).values_list(*DIGESTS)
    return {digest for row in rows for digest in row if digest}


def runs_with(digests: Collection[str]) -> set[UUID]:
    """Runs whose calls name one of these payloads."""
    named = reduce(or_, (Q(**{f"{name}__in": digests}) for name in DIGESTS))
    return {run_id for run_id in ToolCall.objects.filter(named).values_list("run_id", flat=True) if run_id}


def blank(runs: Collection[UUID], words: str) -> None:
    ToolCall.objects.filter(run_id__in=runs).exclude(detail="").update(detail=words)
