"""What a halt trigger sees of the record: whether it keeps up."""

from datetime import datetime

from django.db import transaction

from evidence.services import backpressure
from tenants.readings import Reading, Watch


@transaction.atomic
def keeps_up(watch: Watch, *, since: datetime) -> list[Reading]:  # noqa: ARG001 - as the port says
    """Level 1 while effects are held back because the record cannot keep up."""
    code = backpressure()
    return [Reading("tenant", "", int(code is not None), code or "keeps up")]
