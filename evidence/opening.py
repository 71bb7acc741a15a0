"""Reading the record of one run with what of its content is open, for whoever plays it again."""

from collections.abc import Sequence
from uuid import UUID

from evidence import exporting, shredding
from evidence.models import Event as Row
from evidence.verify import envelope
from evidence.verify.disclosure import Disclosure


def events_of(run_id: UUID) -> list[envelope.Event]:
    """The events of a run, in their order. In an open transaction."""
    rows = Row.objects.filter(run_id=run_id).order_by("run_seq")
    return [envelope.parse_event(bytes(body)) for body in rows.values_list("body", flat=True)]


def by_id(event_ids: Sequence[UUID]) -> dict[UUID, envelope.Event]:
    """Events of the entered tenant by their ids. In an open transaction."""
    rows = Row.objects.filter(pk__in=event_ids).values_list("pk", "body")
    return {pk: envelope.parse_event(bytes(body)) for pk, body in rows}


def opened(run_id: UUID, events: Sequence[envelope.Event]) -> list[Disclosure]:
    """What the tenant keeps of the content of these events of a run; nothing once it was erased."""
    shred_key = shredding.find(run_id)
    return [] if shred_key is None else exporting.disclosures([UUID(event.id) for event in events], shred_key)
