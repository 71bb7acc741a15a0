"""From rows to the picture that `plan` decides from."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from workflows.definition.model import StepKind
from workflows.models import Run, Step
from workflows.moves import RunView, StepView
from workflows.types import OPEN_RUN_STATES, RunState, StepState, WaitReason

RECALLED = "RECALLED"
"""`call_state` of a step whose sub-run was asked to turn back."""


def picture(run: Run, steps: Iterable[Step], now: datetime, *, awaited: bool, deadline_at: datetime | None) -> RunView:
    pins: dict[str, Any] = run.pins.get("steps", {})
    in_order = sorted(steps, key=lambda step: (step.position, -1 if step.item is None else step.item))
    return RunView(
        state=RunState(run.state),
        now=now,
        steps=tuple(_shown(step, pins) for step in in_order),
        stop=run.stop,
        deadline_at=deadline_at,
        paused=run.paused_at is not None,
        awaited=awaited,
    )


def is_awaited(run: Run) -> bool:
    """Whether the run is a sub-run whose parent may still want its effects back."""
    if run.parent_run_id is None:
        return False
    return Run.objects.filter(pk=run.parent_run_id, state__in=OPEN_RUN_STATES).exists()


def _shown(step: Step, pins: dict[str, Any]) -> StepView:
    """A plan is made after every move, which changes one step of many."""
    if step.shown is None:
        step.shown = _step(step, pins)
    return step.shown


def _step(step: Step, pins: dict[str, Any]) -> StepView:
    return StepView(
        id=step.key,
        state=StepState(step.state),
        needs=frozenset(step.needs),
        writes=step.writes,
        effect=step.effect,
        due_at=step.due_at,
        waits_for=WaitReason(step.waits_for),
        code=step.code,
        where=_where(pins.get(step.parent_key or step.key, {})),
        loop=step.parent_key,
        parallel=step.parallel,
        continues=step.continues,
        sub_run=step.kind == StepKind.RUN and step.parallel is None,
        recalled=step.call_state == RECALLED,
    )


def _where(pin: dict[str, Any]) -> frozenset[str]:
    """The connector instances that a step may touch; those of a sub-run are all that it pins."""
    return frozenset(pin.get("instances", [pin["instance"]] if "instance" in pin else []))
