"""What a run does next, decided from a picture of it. Pure: the engine performs the moves and looks again.

Effects are numbered in the order in which they landed. When a run turns back, an effect is undone only when
nothing that landed after it, and that needs it or may have touched the same system, still stands; and only after
every call with an open outcome is settled.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime

from workflows.definition.graph import Needs, ancestors
from workflows.moves import (
    Attention,
    Close,
    Continue,
    Drop,
    Gather,
    Move,
    Park,
    Probe,
    Ready,
    Recall,
    RunView,
    Start,
    StepView,
    TurnBack,
    Undo,
)
from workflows.types import CALLED_OFF, ENGINE_RUN_STATES, RunState, StepState, WaitReason

__all__ = [
    "DEADLINE_PASSED",
    "DROPPED",
    "REFUSED",
    "Attention",
    "Close",
    "Continue",
    "Drop",
    "Gather",
    "Move",
    "Park",
    "Probe",
    "Ready",
    "Recall",
    "RunView",
    "Start",
    "StepView",
    "TurnBack",
    "Undo",
    "plan",
    "unwind",
]

REFUSED = frozenset({"approval_rejected", "approval_expired", "policy_denied", "ruled_out"})
"""Codes of steps that somebody or some rule refused: the run ends REJECTED rather than FAILED."""

DROPPED = "dropped"
"""Code of a step that was given up because the run turned back."""

DEADLINE_PASSED = "deadline_passed"

_WAITING = frozenset({StepState.WAITING, StepState.RETRYING})
_STANDING = frozenset({StepState.SUCCEEDED, StepState.COMPENSATING, StepState.CONFLICT})


def plan(view: RunView) -> tuple[Move, ...]:
    """The moves that are possible now, most urgent first; never empty for a run that the engine owns."""
    if view.state not in ENGINE_RUN_STATES:
        return ()
    if view.state is RunState.COMPENSATING:
        return _back(view)
    if not view.stop and all(step.is_done for step in view.steps):
        return (_finish(view),)
    if code := view.stop or _late(view):
        return _turn(view, code)
    if view.paused:
        return _hold(view)
    code = _failure(view)
    return _turn(view, code) if code else _forward(view)


def unwind(view: RunView) -> tuple[str, ...]:
    """Steps whose effects stand, latest effect first."""
    return tuple(step.id for step in _effects(view))


def _effects(view: RunView) -> list[StepView]:
    found = [step for step in view.steps if step.state is StepState.SUCCEEDED and step.writes]
    return sorted(found, key=_place, reverse=True)


def _place(step: StepView) -> int:
    if step.effect is None:
        raise ValueError(f"the write `{step.id}` stands and has no place among the effects")
    return step.effect


def _finish(view: RunView) -> Move:
    """Done. A sub-run with effects stays open until its parent has ended, which may still want it back."""
    if view.awaited and _effects(view):
        return Park(WaitReason.PARENT, None)
    return Close(RunState.SUCCEEDED)


def _late(view: RunView) -> str:
    return DEADLINE_PASSED if view.deadline_at is not None and view.deadline_at <= view.now else ""


def _failure(view: RunView) -> str:
    """Why the first step failed; those that were dropped because of it do not count."""
    ended = [s for s in view.steps if s.state is StepState.CONFLICT or (s.state is StepState.FAILED and not s.is_done)]
    codes = [step.code or "failed" for step in ended]
    return next((code for code in codes if code != DROPPED), codes[0] if codes else "")


def _forward(view: RunView) -> tuple[Move, ...]:
    ready = tuple(_ready(view))
    moves: list[Move] = [Ready(ready)] if ready else []
    moves += [move for step in view.steps if (move := _next_of(step, view)) is not None]
    return tuple(moves) or (_park(view, view.steps, view.deadline_at),)


def _ready(view: RunView) -> Iterator[str]:
    """Steps that have all they need, and no more items of a loop than may be open at once."""
    done = {step.id for step in view.steps if step.is_done}
    room = {loop.id: loop.parallel - _open_items(view, loop.id) for loop in view.steps if loop.parallel is not None}
    for step in view.steps:
        if step.state is not StepState.PENDING or not step.needs <= done or room.get(step.loop, 1) < 1:
            continue
        if step.loop:
            room[step.loop] -= 1
        yield step.id


def _open_items(view: RunView, loop: str) -> int:
    return sum(s.loop == loop and s.state is not StepState.PENDING and not s.is_done for s in view.steps)


def _next_of(step: StepView, view: RunView) -> Move | None:
    if step.state is StepState.READY:
        return Start(step.id)
    if step.state is StepState.UNKNOWN:
        return Probe(step.id) if _due(step, view.now) else None
    if step.waits_for is WaitReason.ITEMS:
        return Gather(step.id) if all(item.is_done for item in view.steps if item.loop == step.id) else None
    if step.state is StepState.RUNNING or (step.state in _WAITING and _due(step, view.now)):
        return Continue(step.id)
    return None


def _due(step: StepView, now: datetime) -> bool:
    return step.due_at is not None and step.due_at <= now


def _hold(view: RunView) -> tuple[Move, ...]:
    """Nothing new for a paused run; what is under way is settled."""
    times = (step.due_at for step in view.steps if step.state is StepState.UNKNOWN)
    return tuple(_probes(view)) or (Park(WaitReason.PAUSE, _first(*times, view.deadline_at)),)


def _park(view: RunView, steps: Iterable[StepView], *also: datetime | None) -> Park:
    """Wait for these steps; what only an event ends is named first."""
    waiting = [step for step in steps if step.waits_for not in {WaitReason.NONE, WaitReason.ITEMS}]
    if not waiting:
        raise ValueError("a run without a move and without a wait can never end")
    named = min(waiting, key=lambda step: (step.due_at is not None, step.due_at or view.now))
    return Park(named.waits_for, _first(*(step.due_at for step in waiting), *also))


def _first(*times: datetime | None) -> datetime | None:
    return min((time for time in times if time is not None), default=None)


def _turn(view: RunView, code: str) -> tuple[Move, ...]:
    """Stop going forward: settle what is open, drop what only waits, then back or out."""
    if open_calls := _settle(view):
        return open_calls
    if dropped := tuple(Drop(step.id) for step in view.steps if step.state in _WAITING):
        return dropped
    if any(step.state is StepState.CONFLICT for step in view.steps) or _effects(view):
        return (TurnBack(code),)
    return (Close(_end_without_effect(view, code), code),)


def _settle(view: RunView) -> tuple[Move, ...]:
    """A call with an open outcome is probed, never sent; one that cannot be told is a person's. A sub-run is
    asked to turn back, and its end is waited for."""
    below = [step for step in view.steps if step.sub_run and step.state in _WAITING]
    recalls = (Recall(step.id) for step in below if not step.recalled)
    unknown = (step for step in view.steps if step.state is StepState.UNKNOWN)
    if moves := (*_probes(view), *recalls):
        return moves
    return (_park(view, still),) if (still := (*unknown, *below)) else ()


def _probes(view: RunView) -> Iterator[Move]:
    for step in view.steps:
        asks = step.state is StepState.UNKNOWN or (step.sub_run and step.state in _WAITING)
        if step.state is StepState.RUNNING or (asks and _due(step, view.now)):
            yield Probe(step.id)


def _end_without_effect(view: RunView, code: str) -> RunState:
    if view.stop in CALLED_OFF:
        return RunState.CANCELLED
    return RunState.REJECTED if code in REFUSED else RunState.FAILED


def _back(view: RunView) -> tuple[Move, ...]:
    """Undo what is due, then what is free; wait for what is under way; only then call a person."""
    undoing = [step for step in view.steps if step.state is StepState.COMPENSATING]
    if due := tuple(Undo(step.id) for step in undoing if _due(step, view.now)):
        return due
    if free := _free(view):
        return free
    if undoing:
        return (_park(view, undoing),)
    conflict = next((step for step in view.steps if step.state is StepState.CONFLICT), None)
    return (Close(RunState.ROLLED_BACK) if conflict is None else Attention(conflict.code or "conflict"),)


def _free(view: RunView) -> tuple[Move, ...]:
    """Effects that nothing later holds back, latest first."""
    needs = _needs(view)
    still = [step for step in view.steps if step.state in _STANDING and step.writes]
    return tuple(Undo(s.id) for s in _effects(view) if not any(_holds_back(o, s, needs) for o in still))


def _holds_back(later: StepView, step: StepView, needs: Needs) -> bool:
    """`later` landed after the step, and builds on it or may have written to the same record."""
    if _place(later) <= _place(step):
        return False
    apart = later.where and step.where and not later.where & step.where
    return not apart or step.id in ancestors(needs, later.id)


def _needs(view: RunView) -> dict[str, set[str]]:
    """Who waits for whom. An item waits as its loop does; what needs a loop needs all its items."""
    items: dict[str, set[str]] = {}
    for step in view.steps:
        items.setdefault(step.loop, set()).add(step.id)
    own = {step.id: step.needs for step in view.steps}
    waits = {step.id: own.get(step.loop, frozenset()) | step.needs for step in view.steps}
    return {id_: set(needs).union(*(items.get(need, ()) for need in needs)) for id_, needs in waits.items()}
