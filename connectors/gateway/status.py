"""A call as its callers see it."""

from uuid import UUID

from django.db import transaction

from connectors import locks
from connectors.calls import CallState, CallStatus
from connectors.gateway.binding import content
from connectors.models import ToolCall
from connectors.types import JsonObject
from tenants.errors import PayloadExpired


@transaction.atomic
def status(*, call_id: UUID) -> CallStatus:
    return status_of(locks.get_call(call_id))


def status_of(call: ToolCall) -> CallStatus:
    state = CallState(call.state)
    return CallStatus(
        call_id=call.pk,
        state=state,
        output=_output(call) if state is CallState.SUCCEEDED else None,
        code=call.code,
        detail=call.detail,
        retry_at=call.retry_at,
        request_id=_request(call),
        label=call.label,
    )


def _output(call: ToolCall) -> JsonObject | None:
    """None also when the content is past its time: the call still succeeded."""
    try:
        return content(call.output_digest)
    except PayloadExpired:
        return None


def _request(call: ToolCall) -> UUID | None:
    """The approval it waits for; while the target is still being read, that of the read."""
    observation = call.observation
    return call.request_id or (observation.request_id if observation else None)
