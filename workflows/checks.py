"""System checks of workflows."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from connectors.calls import CallState
from workflows.engine.loop import BUDGET_S
from workflows.outcomes import BACK, FORWARD


@register()
def queue_settings_fit(**_: Any) -> list[CheckMessage]:
    """A task must end before it is killed, and be killed before it is delivered again."""
    queue: dict[str, Any] = settings.Q_CLUSTER
    found: list[CheckMessage] = []
    if not BUDGET_S < queue["timeout"] < queue["retry"]:
        hint = f'Set {BUDGET_S:.0f} < Q_CLUSTER["timeout"] < Q_CLUSTER["retry"].'
        found.append(Error("the queue would deliver live tasks twice", hint=hint, id="workflows.E001"))
    if queue.get("save_limit") != -1:
        hint = 'Set Q_CLUSTER["save_limit"] = -1: the rows of runs are the truth.'
        found.append(Error("the queue would save task results", hint=hint, id="workflows.E002"))
    return found


@register()
def every_call_state_lands(**_: Any) -> list[CheckMessage]:
    """A state of a call that the engine does not know would leave a run hanging."""
    missing = [state for state in CallState if state not in FORWARD or state not in BACK]
    return [
        Error(f"the engine does not know the call state {state}", hint="Add it to outcomes.py.", id="workflows.E003")
        for state in missing
    ]
