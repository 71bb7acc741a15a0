"""propose: resolve the tool, validate the arguments, write the call down. Nothing is sent, nothing decided."""

from django.db import transaction

from connectors.calls import CallSpec, CallState, CallStatus, Lane
from connectors.events import CallProposed
from connectors.gateway import tools
from connectors.gateway.digest import marker
from connectors.gateway.errors import DryRunWrites, InstanceUnusable, KeyReused, NotAnUndo
from connectors.gateway.status import status_of
from connectors.models import ConnectorInstance, ToolCall
from connectors.types import Kind
from controlplane.lib import ids
from controlplane.lib.canonical import canonical
from controlplane.lib.events import Committed
from evidence.services import record
from tenants import payloads, quick
from tenants.actors import Actor


@transaction.atomic(durable=True)
def propose(*, spec: CallSpec, actor: Actor) -> CallStatus:
    """The call of this idempotency key, made if it is new.

    `actor` is who wants the action: the subject of every decision about it. Raises ArgsInvalid,
    UnknownTool, InstanceUnusable, DryRunWrites, NotAnUndo, and KeyReused when the key already names another action.
    """
    if spec.lane is Lane.COMPENSATION or spec.compensates is not None:
        raise NotAnUndo
    return status_of(write_down(spec=spec, actor=actor))


def write_down(*, spec: CallSpec, actor: Actor, expected_digest: str = "") -> ToolCall:
    """Inside an open transaction: the row and its evidence, once per idempotency key."""
    instance = usable_instance(spec.instance)
    tool = tools.resolve(instance, spec.tool, spec.tool_version)
    tools.validate_args(tool.action, spec.args)
    if spec.dry_run and tool.action.kind is Kind.WRITE:
        raise DryRunWrites
    draft = _row(spec, actor, instance, tool)
    draft.expected_digest = expected_digest
    if not quick.insert([draft], on_conflict="ON CONFLICT DO NOTHING"):
        return _same(ToolCall.objects.get(idempotency_key=spec.idempotency_key), draft)
    record(_proposed(draft, spec), actor=actor, workspace_id=spec.workspace_id, run_id=draft.told_run_id)
    return draft


def sketch(*, spec: CallSpec, actor: Actor) -> ToolCall:
    """The row of a call that is only looked at. It is never saved, so nothing can carry it out."""
    instance = usable_instance(spec.instance)
    tool = tools.resolve(instance, spec.tool, spec.tool_version)
    tools.validate_args(tool.action, spec.args)
    return _row(spec, actor, instance, tool)


def usable_instance(name: str) -> ConnectorInstance:
    instance = quick.first(ConnectorInstance, name=name)
    if instance is None or not instance.enabled:
        raise InstanceUnusable(f"connector instance “{name}” is missing or switched off")
    return instance


def _same(call: ToolCall, draft: ToolCall) -> ToolCall:
    mine = (draft.tool, draft.tool_version, draft.args_digest, draft.run_id, draft.step_id)
    if (call.tool, call.tool_version, call.args_digest, call.run_id, call.step_id) != mine:
        raise KeyReused(f"“{call.idempotency_key}” already names another action")
    return call


def _row(spec: CallSpec, actor: Actor, instance: ConnectorInstance, tool: tools.Tool) -> ToolCall:
    call_id = ids.uuid7()
    return ToolCall(
        id=call_id,
        workspace_id=spec.workspace_id,
        environment_id=spec.environment_id,
        instance=instance,
        run_id=spec.run_id,
        step_id=spec.step_id,
        workflow=spec.workflow,
        workflow_version=spec.workflow_version,
        ticket=spec.ticket,
        ticket_id=spec.ticket_id,
        origin_run_id=spec.origin_run_id,
        lane=spec.lane,
        approval_floor=spec.approval_floor,
        approval_reason=spec.approval_reason,
        reason=spec.reason[:300],
        dry_run=spec.dry_run,
        compensates_id=spec.compensates,
        **_who(spec, actor),
        **_what(tool),
        idempotency_key=spec.idempotency_key,
        marker=marker(call_id, spec.idempotency_key),
        args_digest=payloads.put_json(spec.args),
        state=CallState.PROPOSED,
    )


def _who(spec: CallSpec, actor: Actor) -> dict[str, object]:
    return {
        "actor_kind": actor.kind,
        "actor_id": actor.id,
        "actor_label": actor.label,
        "actor_method": actor.method,
        "on_behalf_of": spec.on_behalf_of or actor.on_behalf_of,
        "starter_id": spec.starter_id,
    }


def _what(tool: tools.Tool) -> dict[str, object]:
    return {
        "tool": tool.action.tool,
        "tool_version": tool.action.version,
        "kind": tool.action.kind.value,
        "risk": tool.action.risk.value,
        "reversibility": tool.action.reversibility.value,
        "data_classes": sorted(tool.action.data_classes),
        "schema_hash": tool.schema_hash,
        "manifest_digest": tool.manifest_digest,
    }


def _proposed(call: ToolCall, spec: CallSpec) -> CallProposed:
    return CallProposed(
        call_id=call.pk,
        tool=call.tool,
        tool_version=call.tool_version,
        connector=spec.instance,
        lane=call.lane,
        step=call.step_id,
        idempotency_key=call.idempotency_key,
        args=Committed(canonical(spec.args)),
        ticket=call.ticket,
        compensates=call.compensates_id,
    )
