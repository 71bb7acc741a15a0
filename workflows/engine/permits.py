"""The runtime's enforcement point: may this step run? (`may_run`; whether a run may start at all is `admission`.)

Asked once, when a step of any kind begins, and only where the policy has rules for steps: the bundle says so itself,
and a decision tells it along. Without such rules a step needs no leave of its own, because what it does to the world
leaves through the gateway. Undoing is never asked about here: a run must be able to go back.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

from policies import active
from policies.asking import Occasion
from policies.types import Asked, Decision, Effect
from tenants.access import roles_in
from workflows.definition.model import StepKind
from workflows.engine import admission
from workflows.engine.answers import decision_document
from workflows.engine.work import Work
from workflows.models import Step
from workflows.plan import Ready, plan
from workflows.types import RunState, StepState


@dataclass(frozen=True, slots=True)
class Permit:
    """`wait_s`: not now, the run comes again after so many seconds. `words`: why not."""

    allowed: bool
    wait_s: int = 0
    words: str = ""


GRANTED = Permit(allowed=True)


def may_run(work: Work, step: Step) -> Permit:
    """May this step begin? Inside the open transaction that holds the run; the steps that begin in the same look are
    asked about together."""
    if not asks(work):
        return GRANTED
    if step.key not in work.permits:
        ready = [other for other in work.steps.values() if other.state == StepState.READY and other is not step]
        _ask([(work, other) for other in _until_a_call([step, *sorted(ready, key=_place)])])
    return _permit(work.permits[step.key])


def ask_ahead(works: Sequence[Work]) -> None:
    """One question for the first steps of all runs of a wave."""
    _ask([(work, step) for work in works if asks(work) for step in _first(work)])


def asks(work: Work) -> bool:
    """Whether the policy has rules for steps: the one that admitted the run had, or the last one seen here has."""
    if work.run.step_rules:
        return True
    return bool(work.tape.learn("step rules", lambda: Asked.STEPS in active.last_asked(work.run.environment_id)))


def _first(work: Work) -> Iterable[Step]:
    """The steps that begin with the next moves."""
    if work.run.state not in {RunState.QUEUED, RunState.RUNNING}:
        return []
    move = next(iter(plan(work.view())), None)
    ready = move.steps if isinstance(move, Ready) else ()
    return _until_a_call(sorted((step for step in work.steps.values() if step.key in ready), key=_place))


def _until_a_call(steps: Sequence[Step]) -> list[Step]:
    """A call ends the look: what comes after it is asked about in the next."""
    calls = [place for place, step in enumerate(steps) if step.kind == StepKind.CALL and step.parallel is None]
    return list(steps[: calls[0] + 1]) if calls else list(steps)


def _place(step: Step) -> tuple[int, int]:
    return step.position, -1 if step.item is None else step.item


def _ask(wanted: Sequence[tuple[Work, Step]]) -> None:
    if not wanted:
        return
    first = wanted[0][0]
    if first.decide is None:
        raise RuntimeError("a run is moved and nobody was named who decides")
    roles = cache(roles_in)
    questions = [_question(work, step, admission.starters_roles(work, roles)) for work, step in wanted]
    decisions = first.decide(questions, actor=first.engine)
    for (work, step), decision in zip(wanted, decisions, strict=True):
        work.tape.note("decision", decision_document(decision))
        work.permits[step.key] = decision


def _question(work: Work, step: Step, roles: list[str]) -> Occasion:
    resource = {
        "type": "step",
        "workflow": work.run.workflow_name,
        "workflow_version": work.run.workflow_version,
        "step": step.key,
        "step_kind": step.kind,
        "tool": step.tool or None,
        "reason": work.spec(step).reason or None,
    }
    return admission.occasion(work, roles, action="step.run", resource=resource)


def _permit(decision: Decision) -> Permit:
    """A step is let, held back or refused. People are asked about a call, not about a step, and nothing can be set,
    capped or sealed before there is one."""
    words = "; ".join(f"{reason.code}: {reason.message}" for reason in decision.reasons)
    if decision.effect is Effect.THROTTLE:
        return Permit(allowed=False, wait_s=admission.wait_s(decision), words=words)
    if decision.effect is not Effect.ALLOW:
        return Permit(allowed=False, words=words or decision.effect.value)
    if decision.obligations:
        return Permit(allowed=False, words="obligation_unsupported: a step has no obligations, its call has")
    return GRANTED
