"""A tenant that did not opt in keeps no content of closed runs; what an open run still needs stays."""

from collections.abc import Sequence

from django.db.models import QuerySet

from tenants import opting, payloads
from workflows.models import Run, Step
from workflows.types import OPEN_RUN_STATES


def forget(closed: Sequence[Run]) -> None:
    """Erase what only these runs, closed in this transaction, refer to."""
    if not closed or opting.keeps_content():
        return
    ids = [run.pk for run in closed]
    mine = _digests(Run.objects.filter(pk__in=ids))
    elsewhere = _digests(Run.objects.filter(state__in=OPEN_RUN_STATES).exclude(pk__in=ids), only=mine)
    payloads.forget(sorted(mine - elsewhere))


def _digests(runs: QuerySet[Run], only: set[str] | None = None) -> set[str]:
    triggers = runs.values_list("trigger_digest", flat=True)
    outputs = Step.objects.filter(run__in=runs).exclude(output_digest="").values_list("output_digest", flat=True)
    if only is not None:
        triggers, outputs = triggers.filter(trigger_digest__in=only), outputs.filter(output_digest__in=only)
    return set(triggers) | set(outputs)
