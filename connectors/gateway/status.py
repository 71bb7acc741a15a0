"""A call as its callers see it."""

from uuid import UUID

from django.db import transaction

from connectors import locks
from connectors.calls import CallState, CallStatus
from connectors.gateway.binding import content
from connectors.models import ToolCall


@transaction.atomic
def status(*, call_id: UUID) -> CallStatus:
    return status_of(locks.get_call(call_id))


def status_of(call: ToolCall) -> CallStatus:
    state = CallState(call.state)
    return CallStatus(
        call_id=call.pk,
        state=state,
        output=content(call.output_digest) if state is CallState.SUCCEEDED else None,
        code=call.code,
        detail=call.detail,
        retry_at=call.retry_at,
        request_id=_request(call),
        label=call.label,
    )


def _request(call: ToolCall) -> UUID | None:
    """The approval it waits for; while the target is still being read, that of the read."""
    observation = call.observation
    return call.request_id or (observation.request_id if observation else None)
