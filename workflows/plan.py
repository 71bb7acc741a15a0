"""What a run does next, decided from a picture of it. Pure: the engine performs the moves and looks again.

Effects are numbered in the order in which they landed. When a run turns back, they are undone in the reverse
of that order, one at a time, and only after every call with an open outcome is settled.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from workflows.types import ENGINE_RUN_STATES, RunState, StepState, WaitReason


@dataclass(frozen=True, slots=True)
class StepView:
    """`writes`: the step changes the outside world. `due_at`: when a waiting step is looked at again; None
    while a person or an event is needed. `effect`: place among the effects of the run, from 1."""

    id: str
    state: StepState
    needs: frozenset[str] = frozenset()
    writes: bool = False
    effect: int | None = None
    due_at: datetime | None = None
    waits_for: WaitReason = WaitReason.NONE
    code: str = ""


@dataclass(frozen=True, slots=True)
class RunView:
    """A run at one moment. `stop`: why it must not go on (`cancelled`, `halted`), empty when it may."""

    state: RunState
    now: datetime
    steps: tuple[StepView, ...] = field(default=())
    stop: str = ""


@dataclass(frozen=True, slots=True)
class Ready:
    """These steps have all they need."""

    steps: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Start:
    """Evaluate the condition and propose the call."""

    step: str


@dataclass(frozen=True, slots=True)
class Continue:
    """Carry the step's call further: decided, retried, or resumed after a crash."""

    step: str


@dataclass(frozen=True, slots=True)
class Probe:
    """Ask the target whether the call landed; never send it."""

    step: str


@dataclass(frozen=True, slots=True)
class Drop:
    """Give up a step without an effect that no longer has to run."""

    step: str


@dataclass(frozen=True, slots=True)
class TurnBack:
    """There are effects to take back."""

    code: str


@dataclass(frozen=True, slots=True)
class Undo:
    """Start or carry on the compensation of one effect."""

    step: str


@dataclass(frozen=True, slots=True)
class Attention:
    """The compensation cannot go on without a person."""

    code: str


@dataclass(frozen=True, slots=True)
class Park:
    """Nothing to do before `until` (None: before something happens). No worker waits."""

    reason: WaitReason
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Close:
    state: RunState
    code: str = ""


Move: TypeAlias = Ready | Start | Continue | Probe | Drop | TurnBack | Undo | Attention | Park | Close

REFUSED = frozenset({"approval_rejected", "approval_expired", "policy_denied"})
"""Codes of steps that somebody or some rule refused: the run ends REJECTED rather than FAILED."""

DROPPED = "dropped"
"""Code of a step that was given up because the run turned back."""

_DONE = frozenset({StepState.SUCCEEDED, StepState.SKIPPED})
_RESUMABLE = frozenset({StepState.RUNNING, StepState.WAITING, StepState.RETRYING})
_WITHOUT_OPEN_CALL = frozenset({StepState.WAITING, StepState.RETRYING})


def plan(view: RunView) -> tuple[Move, ...]:
    """The moves that are possible now, most urgent first; never empty for a run that the engine owns."""
    if view.state not in ENGINE_RUN_STATES:
        return ()
    if view.state is RunState.COMPENSATING:
        return _back(view)
    code = view.stop or _failure(view)
    return _turn(view, code) if code else _forward(view)


def unwind(view: RunView) -> tuple[str, ...]:
    """Steps whose effects stand, latest effect first."""
    standing = [step for step in view.steps if step.state is StepState.SUCCEEDED and step.writes]
    return tuple(step.id for step in sorted(standing, key=_effect, reverse=True))


def _effect(step: StepView) -> int:
    if step.effect is None:
        raise ValueError(f"the write `{step.id}` succeeded and has no place among the effects")
    return step.effect


def _failure(view: RunView) -> str:
    """Why the first step failed; those that were dropped because of it do not count."""
    codes = [step.code or "failed" for step in view.steps if step.state is StepState.FAILED]
    return next((code for code in codes if code != DROPPED), codes[0] if codes else "")


def _forward(view: RunView) -> tuple[Move, ...]:
    done = {step.id for step in view.steps if step.state in _DONE}
    ready = tuple(s.id for s in view.steps if s.state is StepState.PENDING and s.needs <= done)
    moves: list[Move] = [Ready(ready)] if ready else []
    moves += [move for step in view.steps if (move := _next_of(step, view.now)) is not None]
    if moves:
        return tuple(moves)
    if len(done) == len(view.steps):
        return (Close(RunState.SUCCEEDED),)
    return (_park(view),)


def _next_of(step: StepView, now: datetime) -> Move | None:
    if step.state is StepState.READY:
        return Start(step.id)
    if step.state is StepState.UNKNOWN:
        return Probe(step.id) if _due(step, now) else None
    if step.state is StepState.RUNNING or (step.state in _RESUMABLE and _due(step, now)):
        return Continue(step.id)
    return None


def _due(step: StepView, now: datetime) -> bool:
    return step.due_at is not None and step.due_at <= now


def _park(view: RunView) -> Park:
    waiting = [step for step in view.steps if step.waits_for is not WaitReason.NONE]
    if not waiting:
        raise ValueError("a run without a move and without a wait can never end")
    until = min((step.due_at for step in waiting if step.due_at is not None), default=None)
    first = min(waiting, key=lambda step: (step.due_at is not None, step.due_at or view.now))
    return Park(first.waits_for, until)


def _turn(view: RunView, code: str) -> tuple[Move, ...]:
    """Stop going forward: settle what is open, drop what only waits, then back or out."""
    if open_calls := _settle(view):
        return open_calls
    if dropped := tuple(Drop(step.id) for step in view.steps if step.state in _WITHOUT_OPEN_CALL):
        return dropped
    if unwind(view):
        return (TurnBack(code),)
    return (Close(_end_without_effect(view, code), code),)


def _settle(view: RunView) -> tuple[Move, ...]:
    """A call with an open outcome is probed, never sent; one that cannot be told is a person's."""
    open_steps = [s for s in view.steps if s.state in {StepState.RUNNING, StepState.UNKNOWN}]
    due = tuple(Probe(s.id) for s in open_steps if s.state is StepState.RUNNING or _due(s, view.now))
    if due or not open_steps:
        return due
    return (_park(view),)


def _end_without_effect(view: RunView, code: str) -> RunState:
    if view.stop:
        return RunState.CANCELLED
    return RunState.REJECTED if code in REFUSED else RunState.FAILED


def _back(view: RunView) -> tuple[Move, ...]:
    conflict = next((step for step in view.steps if step.state is StepState.CONFLICT), None)
    if conflict is not None:
        return (Attention(conflict.code or "conflict"),)
    undoing = next((step for step in view.steps if step.state is StepState.COMPENSATING), None)
    if undoing is not None:
        return (Undo(undoing.id) if _due(undoing, view.now) else _park(view),)
    standing = unwind(view)
    return (Undo(standing[0]),) if standing else (Close(RunState.ROLLED_BACK),)
