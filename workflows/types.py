"""States of runs and steps, with every legal transition as a table. Pure."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class RunState(StrEnum):
    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    WAITING = "WAITING"
    COMPENSATING = "COMPENSATING"
    NEEDS_ATTENTION = "NEEDS_ATTENTION"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    REJECTED = "REJECTED"
    CANCELLED = "CANCELLED"
    ROLLED_BACK = "ROLLED_BACK"
    ABANDONED = "ABANDONED"


class StepState(StrEnum):
    PENDING = "PENDING"
    READY = "READY"
    RUNNING = "RUNNING"
    WAITING = "WAITING"
    RETRYING = "RETRYING"
    UNKNOWN = "UNKNOWN"
    SUCCEEDED = "SUCCEEDED"
    SKIPPED = "SKIPPED"
    FAILED = "FAILED"
    COMPENSATING = "COMPENSATING"
    COMPENSATED = "COMPENSATED"
    CONFLICT = "CONFLICT"


class WaitReason(StrEnum):
    """Why a run waits. `halt` is the kill switch: an overlay that ends when the halt is released; so is `pause`,
    by a person. `sub_run`: a child is under way; `parent`: a child is done and may still be taken back; `items`:
    a loop waits for its items.
    """

    NONE = ""
    APPROVAL = "approval"
    TIMER = "timer"
    RECONCILE = "reconcile"
    THROTTLE = "throttle"
    HALT = "halt"
    PAUSE = "pause"
    SUB_RUN = "sub_run"
    PARENT = "parent"
    ITEMS = "items"


class Stop(StrEnum):
    """Why a run must not go on: said by a person, a halt, the parent that does not need it any longer, policy about
    what the run has done, or itself when its outputs cannot be told.
    """

    CANCELLED = "cancelled"
    HALTED = "halted"
    RECALLED = "recalled"
    UNDO_ASKED = "undo_asked"
    RULED_OUT = "ruled_out"
    BAD_OUTPUTS = "bad_outputs"


CALLED_OFF = frozenset(Stop) - {Stop.BAD_OUTPUTS, Stop.RULED_OUT}
"""Stops that somebody wanted: without an effect the run is CANCELLED, not FAILED."""


class DeadLetterState(StrEnum):
    """DISMISSED is not deleted: it can be opened again."""

    OPEN = "OPEN"
    REDRIVEN = "REDRIVEN"
    DISMISSED = "DISMISSED"


class RedriveState(StrEnum):
    """READY: frozen and shown, nothing started yet."""

    READY = "READY"
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    STOPPED = "STOPPED"
    DONE = "DONE"


REDRIVE_MOVES: Mapping[RedriveState, frozenset[RedriveState]] = MappingProxyType(
    {
        RedriveState.READY: frozenset({RedriveState.RUNNING, RedriveState.STOPPED}),
        RedriveState.RUNNING: frozenset({RedriveState.PAUSED, RedriveState.STOPPED, RedriveState.DONE}),
        RedriveState.PAUSED: frozenset({RedriveState.RUNNING, RedriveState.STOPPED}),
        RedriveState.STOPPED: frozenset(),
        RedriveState.DONE: frozenset(),
    }
)


class RedriveItemState(StrEnum):
    """SKIPPED: there was nothing to redrive any more, or not yet; FAILED: it was refused."""

    PENDING = "PENDING"
    REDRIVEN = "REDRIVEN"
    SKIPPED = "SKIPPED"
    FAILED = "FAILED"


_ENDED_WITHOUT_EFFECT = frozenset({RunState.FAILED, RunState.REJECTED, RunState.CANCELLED})

RUN_MOVES: Mapping[RunState, frozenset[RunState]] = MappingProxyType(
    {
        RunState.QUEUED: frozenset({RunState.RUNNING}) | _ENDED_WITHOUT_EFFECT,
        RunState.RUNNING: frozenset({RunState.WAITING, RunState.SUCCEEDED, RunState.COMPENSATING})
        | _ENDED_WITHOUT_EFFECT,
        RunState.WAITING: frozenset({RunState.RUNNING, RunState.COMPENSATING}) | _ENDED_WITHOUT_EFFECT,
        RunState.COMPENSATING: frozenset({RunState.ROLLED_BACK, RunState.NEEDS_ATTENTION}),
        RunState.NEEDS_ATTENTION: frozenset({RunState.ROLLED_BACK, RunState.ABANDONED}),
        RunState.SUCCEEDED: frozenset(),
        RunState.FAILED: frozenset(),
        RunState.REJECTED: frozenset(),
        RunState.CANCELLED: frozenset(),
        RunState.ROLLED_BACK: frozenset(),
        RunState.ABANDONED: frozenset(),
    }
)

_AFTER_A_CALL = frozenset(
    {
        StepState.SUCCEEDED,
        StepState.WAITING,
        StepState.RETRYING,
        StepState.FAILED,
        StepState.UNKNOWN,
    }
)

# READY goes straight on where nothing is called: a computation is done, a timer, a loop or a sub-run waits.
# WAITING ends in CONFLICT only for a sub-run whose effects a person left as they are.
STEP_MOVES: Mapping[StepState, frozenset[StepState]] = MappingProxyType(
    {
        StepState.PENDING: frozenset({StepState.READY}),
        StepState.READY: frozenset({StepState.RUNNING, StepState.SKIPPED, StepState.FAILED})
        | {StepState.SUCCEEDED, StepState.WAITING},
        StepState.RUNNING: _AFTER_A_CALL,
        StepState.WAITING: _AFTER_A_CALL | {StepState.CONFLICT},
        StepState.RETRYING: _AFTER_A_CALL,
        StepState.UNKNOWN: frozenset({StepState.SUCCEEDED, StepState.RETRYING, StepState.FAILED}),
        StepState.SUCCEEDED: frozenset({StepState.COMPENSATING}),
        StepState.COMPENSATING: frozenset({StepState.COMPENSATED, StepState.CONFLICT}),
        StepState.SKIPPED: frozenset(),
        StepState.FAILED: frozenset(),
        StepState.COMPENSATED: frozenset(),
        StepState.CONFLICT: frozenset(),
    }
)

CLOSED_RUN_STATES = frozenset(state for state, onward in RUN_MOVES.items() if not onward)
OPEN_RUN_STATES = frozenset(RunState) - CLOSED_RUN_STATES
ENGINE_RUN_STATES = frozenset({RunState.QUEUED, RunState.RUNNING, RunState.WAITING, RunState.COMPENSATING})
"""The states that the engine moves on from; NEEDS_ATTENTION is a person's."""


class IllegalMove(ValueError):
    """A transition that the tables do not know: a bug, never a state of the world."""


def check_run_move(old: RunState, new: RunState) -> None:
    if old is not new and new not in RUN_MOVES[old]:
        raise IllegalMove(f"run {old} -> {new}")


def check_step_move(old: StepState, new: StepState) -> None:
    if old is not new and new not in STEP_MOVES[old]:
        raise IllegalMove(f"step {old} -> {new}")
