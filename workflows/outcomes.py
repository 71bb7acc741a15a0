"""What the state of a call means for the step that made it. Closed tables. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from types import MappingProxyType

from connectors.calls import CallState
from workflows.types import CLOSED_RUN_STATES, OPEN_RUN_STATES, RunState, StepState, WaitReason


class Due(Enum):
    """When a step is looked at again: when the call says, and else on an event only (somebody decides), soon,
    or after a back-off."""

    ON_EVENT = "on_event"
    SOON = "soon"
    BACK_OFF = "back_off"


@dataclass(frozen=True, slots=True)
class Landing:
    """Where a step lands. `code` names the reason; empty: the call's own code stands."""

    state: StepState
    waits_for: WaitReason = WaitReason.NONE
    due: Due = Due.ON_EVENT
    code: str = ""


FORWARD: Mapping[CallState, Landing] = MappingProxyType(
    {
        CallState.PROPOSED: Landing(StepState.WAITING, WaitReason.TIMER, Due.SOON),
        CallState.WAITING_APPROVAL: Landing(StepState.WAITING, WaitReason.APPROVAL),
        CallState.THROTTLED: Landing(StepState.WAITING, WaitReason.THROTTLE, Due.SOON),
        CallState.HALTED: Landing(StepState.WAITING, WaitReason.HALT, Due.SOON),
        CallState.DENIED: Landing(StepState.FAILED, code="policy_denied"),
        CallState.REJECTED: Landing(StepState.FAILED, code="approval_rejected"),
        CallState.EXPIRED: Landing(StepState.FAILED, code="approval_expired"),
        CallState.DISPATCHED: Landing(StepState.UNKNOWN, WaitReason.TIMER, Due.SOON),
        CallState.SUCCEEDED: Landing(StepState.SUCCEEDED),
        CallState.FAILED_TRANSIENT: Landing(StepState.RETRYING, WaitReason.TIMER, Due.BACK_OFF),
        CallState.FAILED_PERMANENT: Landing(StepState.FAILED),
        CallState.UNKNOWN: Landing(StepState.UNKNOWN, WaitReason.RECONCILE),
        CallState.NOT_SENT: Landing(StepState.WAITING, WaitReason.TIMER, Due.SOON),
        CallState.CONFLICT: Landing(StepState.FAILED, code="conflict"),
    }
)

BACK: Mapping[CallState, Landing] = MappingProxyType(
    {
        CallState.PROPOSED: Landing(StepState.COMPENSATING, WaitReason.TIMER, Due.SOON),
        CallState.WAITING_APPROVAL: Landing(StepState.COMPENSATING, WaitReason.APPROVAL),
        CallState.THROTTLED: Landing(StepState.COMPENSATING, WaitReason.THROTTLE, Due.SOON),
        CallState.HALTED: Landing(StepState.COMPENSATING, WaitReason.HALT, Due.SOON),
        CallState.DENIED: Landing(StepState.CONFLICT, code="compensation_denied"),
        CallState.REJECTED: Landing(StepState.CONFLICT, code="compensation_rejected"),
        CallState.EXPIRED: Landing(StepState.CONFLICT, code="compensation_expired"),
        CallState.DISPATCHED: Landing(StepState.COMPENSATING, WaitReason.TIMER, Due.SOON),
        CallState.SUCCEEDED: Landing(StepState.COMPENSATED),
        CallState.FAILED_TRANSIENT: Landing(StepState.COMPENSATING, WaitReason.TIMER, Due.BACK_OFF),
        CallState.FAILED_PERMANENT: Landing(StepState.CONFLICT, code="compensation_failed"),
        CallState.UNKNOWN: Landing(StepState.COMPENSATING, WaitReason.RECONCILE),
        CallState.NOT_SENT: Landing(StepState.COMPENSATING, WaitReason.TIMER, Due.SOON),
        CallState.CONFLICT: Landing(StepState.CONFLICT, code="conflict"),
    }
)

EXHAUSTED: Mapping[StepState, Landing] = MappingProxyType(
    {
        StepState.RETRYING: Landing(StepState.FAILED, code="retries_exhausted"),
        StepState.COMPENSATING: Landing(StepState.CONFLICT, code="compensation_failed"),
    }
)
"""Where a step lands whose retries are used up."""


def landing_of(state: CallState, step: StepState) -> Landing:
    """Where a step lands whose call is in this state now.

    A step of unknown outcome whose call turns out not to have been sent is tried again, it does not wait anew.
    """
    if step is StepState.COMPENSATING:
        return BACK[state]
    landing = FORWARD[state]
    if step is StepState.UNKNOWN and landing.state is StepState.WAITING:
        return replace(landing, state=StepState.RETRYING)
    return landing


_TURNED_OUT_BADLY = frozenset({RunState.FAILED, RunState.REJECTED, RunState.CANCELLED, RunState.ROLLED_BACK})

SUB_RUN_FORWARD: Mapping[RunState, Landing] = MappingProxyType(
    {
        **dict.fromkeys(OPEN_RUN_STATES, Landing(StepState.WAITING, WaitReason.SUB_RUN)),
        **dict.fromkeys(_TURNED_OUT_BADLY, Landing(StepState.FAILED)),
        RunState.SUCCEEDED: Landing(StepState.SUCCEEDED),
        RunState.ABANDONED: Landing(StepState.CONFLICT, code="sub_run_abandoned"),
    }
)

SUB_RUN_BACK: Mapping[RunState, Landing] = MappingProxyType(
    {
        **dict.fromkeys(OPEN_RUN_STATES, Landing(StepState.COMPENSATING, WaitReason.SUB_RUN)),
        **dict.fromkeys(CLOSED_RUN_STATES, Landing(StepState.CONFLICT, code="sub_run_not_undone")),
        RunState.ROLLED_BACK: Landing(StepState.COMPENSATED),
        RunState.ABANDONED: Landing(StepState.CONFLICT, code="sub_run_abandoned"),
    }
)


def landing_of_sub_run(state: RunState, step: StepState, *, is_done: bool) -> Landing:
    """Where a step lands whose sub-run is in this state now. `is_done`: it waits for its parent's end only."""
    if step is StepState.COMPENSATING:
        return SUB_RUN_BACK[state]
    return SUB_RUN_FORWARD[RunState.SUCCEEDED if is_done else state]
