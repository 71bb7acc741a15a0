"""Loops: a step with one row per item of a list, within its bounds."""

from typing import Any

from controlplane.lib import ids
from workflows.engine.arguments import items_of
from workflows.engine.result import Next, Result
from workflows.engine.settling import land
from workflows.engine.work import Work
from workflows.errors import BadItems, TooManyItems
from workflows.events import LoopBegun
from workflows.locks import move_step
from workflows.models import Step
from workflows.outcomes import Landing
from workflows.types import StepState, WaitReason


def begin(work: Work, loop: Step) -> Result:
    """Write down one step per item; nothing was sent if there are too many."""
    found = unrolled(work, loop)
    for step in found:
        work.add(step)
    work.record(LoopBegun(loop.key, len(found)))
    move_step(loop, StepState.WAITING, waits_for=WaitReason.ITEMS, started_at=work.now, attempts=1)
    return Next.AGAIN


def unrolled(work: Work, loop: Step) -> list[Step]:
    """One step per item, not written down; raises BadItems, TooManyItems, ExpressionError."""
    items, most = items_of(work, loop), _bound(work, loop)
    if not isinstance(items, list):
        raise BadItems(f"the items of `{loop.key}` are a {type(items).__name__}")
    if len(items) > most:
        raise TooManyItems(f"`{loop.key}` has {len(items)} items, at most {most} are allowed")
    return [_item(work, loop, index) for index in range(len(items))]


def gather(work: Work, loop: Step) -> Result:
    """The outputs of all items, in order; None where an item was skipped or failed without stopping the run."""
    found = sorted((step for step in work.steps.values() if step.parent_key == loop.key), key=_place)
    output: list[Any] = [work.content(step.output_digest) if step.output_digest else None for step in found]
    land(work, loop, Landing(StepState.SUCCEEDED), detail="", output_digest=work.keep(output))
    return Next.AGAIN


def _place(step: Step) -> int:
    return step.item or 0


def _bound(work: Work, loop: Step) -> int:
    foreach = work.spec(loop).foreach
    return foreach.max if foreach is not None else 0


def _item(work: Work, loop: Step, index: int) -> Step:
    return Step(
        id=ids.uuid7(),
        run=work.run,
        key=f"{loop.key}[{index}]",
        position=loop.position,
        kind=loop.kind,
        tool=loop.tool,
        parent_key=loop.key,
        item=index,
        continues=loop.continues,
        writes=_writes(work, loop),
        needs=[],
    )


def _writes(work: Work, loop: Step) -> bool:
    return bool(work.run.pins["steps"].get(loop.key, {}).get("writes", False))
