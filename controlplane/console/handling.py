"""What a person can do with a run: a closed table of verbs, and which of them make sense now."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any
from uuid import UUID

from connectors.calls import Answer
from controlplane.lib.errors import Invalid
from tenants.actors import Actor
from workflows import services
from workflows.models import Run, Step
from workflows.types import ENGINE_RUN_STATES, RunState, WaitReason

_LATER = frozenset({WaitReason.TIMER, WaitReason.THROTTLE, WaitReason.HALT, WaitReason.RECONCILE})
Said = Mapping[str, str]


def _cancel(run_id: UUID, said: Said, actor: Actor) -> str:
    services.cancel(run_id=run_id, reason=said.get("reason", ""), actor=actor)
    return "The run stops. What it wrote is undone."


def _retry(run_id: UUID, _: Said, actor: Actor) -> str:
    services.retry(run_id=run_id, actor=actor)
    return "It is tried again now."


def _pause(run_id: UUID, said: Said, actor: Actor) -> str:
    services.pause(run_id=run_id, reason=said.get("reason", ""), actor=actor)
    return "It is held up at the next step. What is under way is settled."


def _resume(run_id: UUID, _: Said, actor: Actor) -> str:
    services.resume(run_id=run_id, actor=actor)
    return "It goes on."


def _settle(run_id: UUID, said: Said, actor: Actor) -> str:
    answer, reason = said.get("answer", ""), said.get("reason", "")
    services.settle_by_person(run_id=run_id, answer=answer, reason=reason, actor=actor)
    return "Settled. The run is over."


def _resolve(run_id: UUID, said: Said, actor: Actor) -> str:
    answer = said.get("answer", "")
    if answer not in set(Answer):
        raise Invalid("say landed, not_landed or undo", field="answer")
    services.resolve_unknown(run_id=run_id, step=said.get("step", ""), answer=Answer(answer), actor=actor)
    return "Told. The run goes on from there."


ACTIONS: Mapping[str, Callable[[UUID, Said, Actor], str]] = MappingProxyType(
    {
        "cancel": _cancel,
        "pause": _pause,
        "resume": _resume,
        "retry": _retry,
        "settle": _settle,
        "resolve": _resolve,
    }
)


def perform(action: str, run_id: UUID, said: Said, actor: Actor) -> str:
    """Call the verb; the sentence that tells what happens now."""
    if action not in ACTIONS:
        raise Invalid("there is no such action", field="action")
    return ACTIONS[action](run_id, said, actor)


def offered(run: Run, steps: Sequence[Step]) -> dict[str, Any]:
    """What the page offers to somebody who may operate; the verbs check again."""
    works = run.state in ENGINE_RUN_STATES and not run.stop
    return {
        "may_cancel": works and run.waits_for != WaitReason.PARENT,
        "may_pause": works and run.state != RunState.COMPENSATING and run.paused_at is None,
        "may_resume": works and run.paused_at is not None,
        "may_retry": works and any(step.waits_for in _LATER for step in steps),
        "may_settle": run.state == RunState.NEEDS_ATTENTION,
        "unknown": [step for step in steps if works and step.waits_for == WaitReason.RECONCILE],
    }
