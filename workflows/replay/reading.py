"""Material from beside the database."""

from uuid import UUID

from django.db import transaction

from controlplane.lib.errors import NotFound
from evidence import opening
from tenants import payloads
from workflows.exhibits import of_events
from workflows.models import Run, Step
from workflows.replay.material import Material


@transaction.atomic
def of_run(run_id: UUID) -> Material:
    """Everything that is kept of a run of the entered tenant; raises NotFound for one that has no record."""
    events = opening.events_of(run_id)
    if not events:
        raise NotFound
    opened = {(each.event, each.path): each for each in opening.opened(run_id, events)}
    run = Run.objects.filter(pk=run_id).first()
    tape = (run.tape or []) if run is not None else []
    return Material(events, opened, dict(of_events(events)), tape=tape, kept=_kept(run_id))


def _kept(run_id: UUID) -> dict[str, bytes]:
    outputs = Step.objects.filter(run_id=run_id).exclude(output_digest="").values_list("output_digest", flat=True)
    digests = sorted(set(outputs))
    return payloads.get_many(digests) if digests else {}
