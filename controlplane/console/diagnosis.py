"""One sentence on where a run stands and why: what a person at 3 AM reads first. Pure."""

from collections.abc import Sequence
from types import MappingProxyType
from typing import Protocol


class StepLike(Protocol):
    key: str
    state: str
    waits_for: str


class RunLike(Protocol):
    state: str
    waits_for: str
    code: str
    detail: str
    effects: int


_WAITS: MappingProxyType[str, str] = MappingProxyType(
    {
        "approval": "{step} waits for a person to decide.",
        "timer": "{step} failed for the moment and is tried again.",
        "reconcile": "Whether {step} landed is not known; the target is asked before anything else.",
        "throttle": "{step} waits for its turn: the rate limit is used up.",
        "halt": "The kill switch holds {step}.",
        "pause": "A person paused it; nothing new begins.",
        "sub_run": "{step} waits for the run that it started.",
        "parent": "It is done, and closes when the run that started it has ended; until then it can be undone.",
        "items": "{step} waits for its items.",
        "": "{step} waits.",
    }
)

_STATES: MappingProxyType[str, str] = MappingProxyType(
    {
        "QUEUED": "It waits for a worker.",
        "RUNNING": "{step} is at work.",
        "SUCCEEDED": "Every step is done; {effects}.",
        "FAILED": "{step} failed for good{why}. Nothing was written.",
        "REJECTED": "A person said no{why}. Nothing was written.",
        "CANCELLED": "It was cancelled{why}. Nothing was written.",
        "COMPENSATING": "What was written is being undone, the last first{why}.",
        "ROLLED_BACK": "Every write was undone and read back{why}.",
        "NEEDS_ATTENTION": "A person must look: {step}{why}.",
        "ABANDONED": "A person gave it up{why}; {effects}.",
    }
)

_AT_WORK = ("RUNNING", "COMPENSATING", "WAITING", "RETRYING", "UNKNOWN")
_IN_TROUBLE = ("CONFLICT", "FAILED")


def sentence(run: RunLike, steps: Sequence[StepLike]) -> str:
    pattern = _WAITS.get(run.waits_for, _WAITS[""]) if run.state == "WAITING" else _STATES.get(run.state, "{step}.")
    told = pattern.format(step=_step(steps), effects=_effects(run.effects), why=_why(run))
    return told[:1].upper() + told[1:]


def current(steps: Sequence[StepLike]) -> str:
    """The step that the run is about: at work, else in trouble, else none."""
    for states in (_AT_WORK, _IN_TROUBLE):
        found = next((step.key for step in steps if step.state in states), "")
        if found:
            return found
    return ""


def _step(steps: Sequence[StepLike]) -> str:
    key = current(steps)
    return f"the step “{key}”" if key else "the next step"


def _effects(count: int) -> str:
    return {0: "nothing was written", 1: "one write landed"}.get(count, f"{count} writes landed")


def _why(run: RunLike) -> str:
    words = run.detail or run.code
    return f": {words.rstrip('.')}" if words else ""
