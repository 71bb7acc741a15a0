"""Which steps of a run that is over stand for a second attempt, and which are done anew. Pure.

An attempt is a run of its own: its calls are new intentions with new idempotency keys. That is safe exactly when
nothing of the old intentions stands or may still land.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from workflows.definition.graph import ancestors
from workflows.moves import DONE
from workflows.types import StepState

MAY_HAVE_LANDED = frozenset({"abandoned_by_person"})
"""Codes of steps that were given up although nobody knows whether their call landed."""

_STANDING = frozenset({StepState.SUCCEEDED, StepState.COMPENSATING, StepState.CONFLICT})
_OPEN = frozenset({StepState.RUNNING, StepState.UNKNOWN})


@dataclass(frozen=True, slots=True)
class Past:
    """A step as its run left it. `loop`: the loop that it is an item of; `writes`: it has an effect when it
    succeeds; `gone`: its output is no longer kept."""

    id: str
    state: StepState
    needs: frozenset[str]
    code: str = ""
    loop: str = ""
    writes: bool = False
    gone: bool = False


def standing(steps: Iterable[Past]) -> list[str]:
    """Steps whose effect stands, or may: as long as there are any, nothing may be done a second time."""
    return [step.id for step in steps if _stands(step)]


def _stands(step: Past) -> bool:
    wrote = step.writes and step.state in _STANDING
    return wrote or step.state in _OPEN or step.code in MAY_HAVE_LANDED


def kept(steps: Iterable[Past], first: str) -> frozenset[str]:
    """Steps that need not be done again: they ended well, had no effect, their output is known, and they follow
    neither `first` nor a step that has to be done again."""
    known = list(steps)
    anew = {first} | {step.loop or step.id for step in known if step.state not in DONE or step.gone}
    needs = {step.id: step.needs for step in known if not step.loop}
    return frozenset(step for step in needs if step not in anew and not ancestors(needs, step) & anew)
