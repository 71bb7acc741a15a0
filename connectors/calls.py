"""What a tool call is, seen from outside the gateway: its specification, its states, its status. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from uuid import UUID

from connectors.types import JsonObject


class CallState(StrEnum):
    """Where a call stands. Only `DISPATCHED` and `UNKNOWN` may have an effect that is not recorded yet."""

    PROPOSED = "PROPOSED"
    WAITING_APPROVAL = "WAITING_APPROVAL"
    THROTTLED = "THROTTLED"
    HALTED = "HALTED"
    DENIED = "DENIED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"
    DISPATCHED = "DISPATCHED"
    SUCCEEDED = "SUCCEEDED"
    FAILED_TRANSIENT = "FAILED_TRANSIENT"
    FAILED_PERMANENT = "FAILED_PERMANENT"
    UNKNOWN = "UNKNOWN"
    NOT_SENT = "NOT_SENT"
    CONFLICT = "CONFLICT"


OPEN = frozenset(
    {
        CallState.PROPOSED,
        CallState.WAITING_APPROVAL,
        CallState.THROTTLED,
        CallState.HALTED,
        CallState.NOT_SENT,
        CallState.FAILED_TRANSIENT,
    }
)
"""States from which `advance` may decide and dispatch."""

FINAL = frozenset(
    {
        CallState.DENIED,
        CallState.REJECTED,
        CallState.EXPIRED,
        CallState.SUCCEEDED,
        CallState.FAILED_PERMANENT,
        CallState.CONFLICT,
    }
)

_SETTLED = frozenset(
    {
        CallState.SUCCEEDED,
        CallState.FAILED_TRANSIENT,
        CallState.FAILED_PERMANENT,
        CallState.UNKNOWN,
        CallState.NOT_SENT,
        CallState.CONFLICT,
    }
)
_RULED = frozenset(
    {
        CallState.WAITING_APPROVAL,
        CallState.THROTTLED,
        CallState.HALTED,
        CallState.DENIED,
        CallState.REJECTED,
        CallState.EXPIRED,
        CallState.CONFLICT,
        CallState.FAILED_PERMANENT,
        CallState.FAILED_TRANSIENT,
        CallState.DISPATCHED,
    }
)
"""Also the ends that a write shares with the read of its target: permanent, conflict, or transient."""

TRANSITIONS: Mapping[CallState, frozenset[CallState]] = MappingProxyType(
    {
        **dict.fromkeys(OPEN, _RULED),
        **{state: frozenset[CallState]() for state in FINAL},
        CallState.DISPATCHED: _SETTLED,
        CallState.UNKNOWN: frozenset(
            {CallState.SUCCEEDED, CallState.FAILED_TRANSIENT, CallState.CONFLICT, CallState.UNKNOWN}
        ),
    }
)


class Lane(StrEnum):
    """Forward work, its undoing, and the platform's own messages (approval cards)."""

    FORWARD = "forward"
    COMPENSATION = "compensation"
    SYSTEM = "system"


class Answer(StrEnum):
    """What a person says about a call whose outcome no probe could tell. UNDO: it landed, and is taken back."""

    LANDED = "landed"
    NOT_LANDED = "not_landed"
    UNDO = "undo"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSpec:
    """One action that somebody wants. `instance` is the name of a connector instance, `tool_version` the
    version that the run pinned. `idempotency_key` names the intention: proposing it twice is one call.
    `approval_floor`: the least tier of approval, whatever policy allows; empty when policy alone rules.
    `reason`: why this is done, in words for people and policy.
    `origin_run_id`: the outermost run that this one is a part or a repetition of; `ticket_id`: the vendor's own id of
    the ticket. Both say whose past the call shares.
    `dry_run`: asked to see what would happen; a write is then examined (`gateway.examine`), never proposed.
    """

    run_id: UUID
    workspace_id: UUID
    environment_id: UUID
    tool: str
    tool_version: str
    instance: str
    args: JsonObject
    idempotency_key: str
    step_id: str = ""
    workflow: str = ""
    workflow_version: str = ""
    on_behalf_of: UUID | None = None
    starter_id: UUID | None = None
    ticket: str | None = None
    ticket_id: str = ""
    origin_run_id: UUID | None = None
    lane: Lane = Lane.FORWARD
    compensates: UUID | None = None
    approval_floor: str = ""
    approval_reason: str = ""
    reason: str = ""
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class CallStatus:
    """Where a call stands. `output` only when SUCCEEDED; `retry_at`: not before, None when nothing is due
    (terminal, or waiting for a person); `label`: how the target reads after an undo."""

    call_id: UUID
    state: CallState
    output: JsonObject | None = None
    code: str = ""
    detail: str = ""
    retry_at: datetime | None = None
    request_id: UUID | None = None
    label: str = ""

    @property
    def is_final(self) -> bool:
        return self.state in FINAL


def may_move(old: CallState, new: CallState) -> bool:
    return new in TRANSITIONS[old]
