"""How a run stops: turning back, needing a person, closing with its totals."""

from collections import Counter
from dataclasses import asdict
from functools import partial

from metering.services import run_cost
from metering.types import CostOfRun
from workflows.engine import sub_runs
from workflows.engine.work import Work
from workflows.events import RunClosedEvent, RunNeedsAttention, RunTurnedBack
from workflows.locks import move_run
from workflows.models import Run
from workflows.plan import unwind
from workflows.types import RunState, WaitReason

_FREE = {"lease_until": None, "wake_at": None, "waits_for": WaitReason.NONE, "crashes": 0}


def turn_back(work: Work, code: str) -> None:
    work.record(RunTurnedBack(code, list(unwind(work.view()))))
    move_run(work.run, RunState.COMPENSATING, code=code[:80], waits_for=WaitReason.NONE)


def call_a_person(work: Work, code: str) -> None:
    move_run(work.run, RunState.NEEDS_ATTENTION, **_FREE, detail=f"compensation stopped: {code}"[:500])
    work.record(RunNeedsAttention(code))


def close(work: Work, state: RunState, code: str, *, detail: str = "") -> None:
    """End the run. The event that closes it is the last one of its evidence."""
    run = work.run
    reason = {"code": code[:80]} if code else {}
    words = (detail or _why(work, code or run.code) or run.detail)[:500]
    move_run(run, state, **_FREE, **reason, detail=words, closed_at=work.now)
    work.record(_totals(work))
    below = any(step.child_run_id for step in work.steps.values())
    work.tape.act(partial(sub_runs.tell_others, run, below=below))
    work.closed = True


def _why(work: Work, code: str) -> str:
    """The words of the step whose code ended the run."""
    told = (step.detail for step in work.steps.values() if code and step.code == code)
    return next(told, "")


def _totals(work: Work) -> RunClosedEvent:
    run, cost = work.run, _cost(work)
    counts = Counter(str(step.state) for step in work.steps.values())
    return RunClosedEvent(
        state=run.state,
        code=run.code or None,
        steps=dict(sorted(counts.items())),
        effects=run.effects,
        cost_micros=cost.micros,
        cost_complete=cost.complete,
        elapsed_ms=_milliseconds(work),
        human_wait_ms=run.human_wait_ms,
        write_back_ms=write_back_ms(run),
    )


def _cost(work: Work) -> CostOfRun:
    """A run that called nothing has cost nothing; no need to look."""
    called = any(step.call_id or step.tool for step in work.steps.values())
    if not called:
        return CostOfRun(0, 0, 0, 0, complete=True)
    return CostOfRun(**work.tape.learn("cost", lambda: asdict(run_cost(work.run.pk))))


def _milliseconds(work: Work) -> int:
    return int((work.now - work.run.received_at).total_seconds() * 1000)


def write_back_ms(run: Run) -> int | None:
    """From the event to the first landed write, without the time that people took; None when nothing landed."""
    if run.written_at is None:
        return None
    whole = int((run.written_at - run.received_at).total_seconds() * 1000)
    return max(0, whole - run.human_wait_ms)
