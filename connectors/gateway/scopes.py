"""Which halts concern a call, and what each mode leaves open."""

from collections.abc import Sequence

from connectors.calls import Lane
from connectors.models import ToolCall
from tenants import halts
from tenants.models import Halt

_UNNAMED = frozenset({halts.Kind.GLOBAL, halts.Kind.TENANT})


def of(call: ToolCall) -> list[halts.Scope]:
    """Every scope whose halt stops this call. People name workspaces and environments by id or by slug."""
    every = [
        halts.Scope(halts.Kind.GLOBAL),
        halts.Scope(halts.Kind.TENANT),
        halts.Scope(halts.Kind.WORKSPACE, str(call.workspace_id)),
        halts.Scope(halts.Kind.WORKSPACE, call.workspace.slug),
        halts.Scope(halts.Kind.ENVIRONMENT, str(call.environment_id)),
        halts.Scope(halts.Kind.ENVIRONMENT, call.environment.slug),
        halts.Scope(halts.Kind.WORKFLOW, call.workflow),
        halts.Scope(halts.Kind.CONNECTOR, call.instance.name),
        halts.Scope(halts.Kind.TOOL, call.tool),
        halts.Scope(halts.Kind.AGENT, str(call.actor_id)),
    ]
    return [scope for scope in every if scope.value or scope.kind in _UNNAMED]


def closing(active: Sequence[Halt], lane: str) -> Halt | None:
    """The halt that closes the lane: FREEZE closes all, STOP_AND_UNDO all but the undoing."""
    for halt in active:
        if lane != Lane.COMPENSATION or halt.mode != Halt.Mode.STOP_AND_UNDO:
            return halt
    return None
