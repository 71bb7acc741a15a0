"""How a run stops: turning back, needing a person, closing with its totals."""

from collections import Counter

from django.db.models import QuerySet

from metering.services import run_cost
from tenants import payloads, scope
from tenants.models import Tenant
from workflows.engine.work import Work
from workflows.events import RunClosedEvent, RunNeedsAttention, RunTurnedBack
from workflows.locks import move_run
from workflows.models import Run, Step
from workflows.plan import unwind
from workflows.types import OPEN_RUN_STATES, RunState, WaitReason

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
    if not Tenant.objects.get(pk=scope.current()).keep_content:
        _forget(run)


def _why(work: Work, code: str) -> str:
    """The words of the step whose code ended the run."""
    told = (step.detail for step in work.steps.values() if code and step.code == code)
    return next(told, "")


def _totals(work: Work) -> RunClosedEvent:
    run, cost = work.run, run_cost(work.run.pk)
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


def _milliseconds(work: Work) -> int:
    return int((work.now - work.run.received_at).total_seconds() * 1000)


def write_back_ms(run: Run) -> int | None:
    """From the event to the first landed write, without the time that people took; None when nothing landed."""
    if run.written_at is None:
        return None
    whole = int((run.written_at - run.received_at).total_seconds() * 1000)
    return max(0, whole - run.human_wait_ms)


def _forget(run: Run) -> None:
    """A tenant that did not opt in keeps no content of a closed run; what an open run still needs stays."""
    mine = _digests(Run.objects.filter(pk=run.pk))
    elsewhere = _digests(Run.objects.filter(state__in=OPEN_RUN_STATES).exclude(pk=run.pk), only=mine)
    payloads.forget(sorted(mine - elsewhere))


def _digests(runs: QuerySet[Run], only: set[str] | None = None) -> set[str]:
    triggers = runs.values_list("trigger_digest", flat=True)
    outputs = Step.objects.filter(run__in=runs).exclude(output_digest="").values_list("output_digest", flat=True)
    if only is not None:
        triggers, outputs = triggers.filter(trigger_digest__in=only), outputs.filter(output_digest__in=only)
    return set(triggers) | set(outputs)
