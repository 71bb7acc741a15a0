"""What a call's status does to its step: tables say where it lands, this writes it down with its evidence."""

import random
from datetime import datetime, timedelta
from typing import Any

from connectors.calls import CallStatus
from workflows.backoff import USUAL, next_try
from workflows.engine import letters
from workflows.engine.answers import Answer, Refusal, SubRunStatus
from workflows.engine.picture import RECALLED
from workflows.engine.work import Work
from workflows.events import StepSettled
from workflows.locks import change, move_step
from workflows.models import Step
from workflows.outcomes import EXHAUSTED, Due, Landing, landing_of, landing_of_sub_run
from workflows.types import StepState, WaitReason

SOON_S = 2.0
UNDO_RETRIES = 8
UNDO_TIMEOUT_S = 24 * 3600
_FINE = 1_000_000

_LANDED = frozenset({StepState.SUCCEEDED, StepState.CONFLICT})
_ENDS = frozenset({StepState.SUCCEEDED, StepState.FAILED, StepState.COMPENSATED, StepState.CONFLICT})


def settle(work: Work, step: Step, answer: Answer) -> None:
    """Write down where a call or a sub-run stands, inside the open transaction that holds the run."""
    if isinstance(answer, Refusal):
        _refused(work, step, answer)
    elif isinstance(answer, SubRunStatus):
        land_sub_run(work, step, answer, recalled=True)
    else:
        _stands(work, step, answer)


def give_up(work: Work, step: Step, *, code: str, detail: str = "") -> None:
    """The step failed for good without any effect of its own."""
    land(work, step, Landing(StepState.FAILED, code=code), detail=detail)


def _refused(work: Work, step: Step, refusal: Refusal) -> None:
    back = step.state == StepState.COMPENSATING
    if refusal.passing:
        state = {StepState.RUNNING: StepState.WAITING}.get(StepState(step.state), StepState(step.state))
        again = work.now + timedelta(seconds=SOON_S)
        move_step(step, state, waits_for=WaitReason.TIMER, due_at=again, code=refusal.code[:80])
        return
    landing = (
        Landing(StepState.CONFLICT, code="compensation_failed")
        if back
        else Landing(StepState.FAILED, code=refusal.code)
    )
    land(work, step, landing, detail=f"{refusal.code}: {refusal.detail}")


def _stands(work: Work, step: Step, status: CallStatus) -> None:
    landing = landing_of(status.state, StepState(step.state))
    due = _due(work, step, status, landing)
    if landing.due is Due.BACK_OFF and due is None:
        landing = EXHAUSTED[landing.state]
        letters.dead_letter(work, step, code=status.code or landing.code, detail=status.detail)
    changes = _about(step, status)
    if landing.state is StepState.SUCCEEDED:
        changes["output_digest"] = work.keep(status.output or {})
    if landing.due is Due.ON_EVENT and due is not None:
        landing = Landing(landing.state, _timed(landing), code=landing.code)
    land(work, step, landing, detail=_words(status), due_at=due, call_code=status.code, **changes)


def _timed(landing: Landing) -> WaitReason:
    """An unknown outcome with a time is probed then; only without one it needs a person."""
    return WaitReason.TIMER if landing.waits_for is WaitReason.RECONCILE else landing.waits_for


def land_sub_run(work: Work, step: Step, status: SubRunStatus, *, recalled: bool = False) -> None:
    """Where a step lands whose sub-run stands like this. What the sub-run did is one effect of this run."""
    landing = landing_of_sub_run(status.state, StepState(step.state), is_done=status.is_done)
    changes: dict[str, Any] = {"call_state": RECALLED} if recalled else {}
    if landing.state is StepState.SUCCEEDED:
        changes["output_digest"] = status.output_digest
    if landing.state in {StepState.SUCCEEDED, StepState.CONFLICT}:
        change(step, writes=status.effects > 0)
    if landing.state in {StepState.COMPENSATED, StepState.CONFLICT}:
        changes["label"] = status.label
    failed = landing.state in {StepState.FAILED, StepState.CONFLICT}
    land(
        work, step, landing, detail=status.detail if failed else "", call_code=status.code if failed else "", **changes
    )


def land(
    work: Work,
    step: Step,
    landing: Landing,
    *,
    detail: str,
    due_at: datetime | None = None,
    call_code: str = "",
    **changes: Any,
) -> None:
    ends = landing.state in _ENDS
    if ends:
        changes["finished_at"] = work.now
    if landing.state in _LANDED and step.writes and step.effect is None:
        changes["effect"] = _next_effect(work)
    move_step(
        step,
        landing.state,
        waits_for=landing.waits_for,
        due_at=due_at,
        code=(landing.code or call_code)[:80],
        detail=detail[:500],
        **changes,
    )
    if ends:
        work.record(_settled(step))


def _next_effect(work: Work) -> int:
    """The place of a write that just landed among the effects of the run, from 1."""
    run = work.run
    change(run, effects=run.effects + 1, written_at=run.written_at or work.now)
    return run.effects


def _about(step: Step, status: CallStatus) -> dict[str, Any]:
    known: dict[str, Any] = {
        "call_state": status.state.value,
        "request_id": status.request_id,
        "label": status.label[:16],
    }
    which = "undo_call_id" if step.state == StepState.COMPENSATING else "call_id"
    return known | {which: status.call_id}


def _due(work: Work, step: Step, status: CallStatus, landing: Landing) -> datetime | None:
    if landing.due is Due.BACK_OFF:
        return _after_back_off(work, step, status)
    if landing.due is Due.SOON and status.retry_at is None:
        return work.now + timedelta(seconds=SOON_S)
    return None if landing.state in _ENDS else status.retry_at


def _after_back_off(work: Work, step: Step, status: CallStatus) -> datetime | None:
    spec = work.spec(step)
    back = step.state == StepState.COMPENSATING
    jitter = work.tape.learn("jitter", lambda: random.randrange(_FINE))  # noqa: S311 - spreads load, guards nothing
    return next_try(
        attempt=step.attempts,
        max_retries=UNDO_RETRIES if back else spec.max_retries,
        backoff=USUAL if back else spec.backoff,
        started_at=step.started_at or work.now,
        timeout_s=UNDO_TIMEOUT_S if back else spec.timeout_s,
        now=work.now,
        not_before=status.retry_at,
        jitter=jitter / _FINE,
    )


def _words(status: CallStatus) -> str:
    return ": ".join(part for part in (status.code, status.detail) if part)


def _settled(step: Step) -> StepSettled:
    return StepSettled(
        step=step.key,
        tool=step.tool or step.kind,
        state=step.state,
        attempts=step.attempts,
        call_id=step.undo_call_id or step.call_id,
        effect=step.effect,
        code=step.code or None,
        label=step.label or None,
        sub_run_id=step.child_run_id,
    )
