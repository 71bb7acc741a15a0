"""compensate: the undo of a settled write, as a governed call of its own lane."""

from typing import Any
from uuid import UUID

from django.db import transaction

from connectors import locks
from connectors.calls import FINAL, CallSpec, CallState, CallStatus, Lane
from connectors.gateway import observation, proposal, tools
from connectors.gateway.binding import content
from connectors.gateway.errors import NothingToUndo
from connectors.gateway.progress import advance
from connectors.models import ToolCall
from tenants import payloads
from tenants.actors import Actor


def compensate(*, call_id: UUID, actor: Actor) -> CallStatus:
    """Undo what the call wrote, by the recipe that was kept when it settled; the status is that of the undo.

    Decided under `tool.compensate`, guarded by a three-way comparison in the driver, read back afterwards:
    `label` says RESTORED, OFFSET, CONFLICT or FAILED. Calling it again goes on with the same undo; after an undo
    that ended without effect (denied, conflict) a new one is proposed. Raises NothingToUndo.
    """
    return advance(call_id=_undo_of(call_id).pk, actor=actor)


@transaction.atomic(durable=True)
def _undo_of(call_id: UUID) -> ToolCall:
    call = locks.get_call(call_id)
    earlier = list(ToolCall.objects.filter(compensates=call).order_by("id"))
    if earlier and not _ended_without_effect(earlier[-1]):
        return earlier[-1]
    recipe = content(call.undo_digest)
    if call.state != CallState.SUCCEEDED or recipe is None:
        raise NothingToUndo(f"{call.tool} ended as {call.state} and left no way back")
    expected = payloads.put_json(recipe["expected"])
    return proposal.write_down(
        spec=_spec(call, recipe, len(earlier) + 1), actor=observation.subject(call), expected_digest=expected
    )


def _ended_without_effect(undo: ToolCall) -> bool:
    return undo.state in FINAL and undo.state != CallState.SUCCEEDED


def _spec(call: ToolCall, recipe: dict[str, Any], number: int) -> CallSpec:
    return CallSpec(
        run_id=call.run_id,
        workspace_id=call.workspace_id,
        environment_id=call.environment_id,
        tool=recipe["tool"],
        tool_version=tools.pinned_version(call.instance, recipe["tool"]),
        instance=call.instance.name,
        args=recipe["args"],
        idempotency_key=f"undo:{call.pk}:{number}",
        step_id=call.step_id,
        workflow=call.workflow,
        workflow_version=call.workflow_version,
        on_behalf_of=call.on_behalf_of,
        starter_id=call.starter_id,
        ticket=call.ticket,
        ticket_id=call.ticket_id,
        origin_run_id=call.origin_run_id,
        lane=Lane.COMPENSATION,
        compensates=call.pk,
    )
