"""What the kill switch does to runs: STOP_AND_UNDO turns them back, also those that only wait and ask the gateway
nothing; and the time that a halt holds is not taken from a deadline."""

from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet

from approvals import deadline
from tenants import halts
from tenants.halt_scopes import Scope
from tenants.models import Halt
from workflows import wakeups
from workflows.models import Run
from workflows.types import ENGINE_RUN_STATES, RunState, Stop, WaitReason

HELD_LOOK_S = 5.0
"""How often a run whose deadline has come is looked at while a halt holds it."""

_STOPPABLE = ENGINE_RUN_STATES - {RunState.COMPENSATING}


@transaction.atomic(durable=True)
def stop_covered_runs(limit: int = 200) -> int:
    """Mark the runs of the entered tenant that a halt tells to stop and undo; returns how many."""
    stopped = 0
    for halt in halts.every_active():
        if halt.mode == Halt.Mode.STOP_AND_UNDO:
            stopped += sum(_stop(run) for run in _covered(halt)[: limit - stopped])
    return stopped


def open_runs_under(covered: Scope) -> int:
    """How many open runs of the entered tenant a halt of that scope would hold: 0 may be a name that is wrong."""
    return Run.objects.filter(_matches(covered), state__in=ENGINE_RUN_STATES).count()


def deadline_of(run: Run, now: datetime) -> datetime | None:
    """When the run turns back if it is not done, as of now: halts that cover it do not use its time up."""
    if run.deadline_at is None:
        return None
    holds = [halt for halt in halts.since(run.received_at) if (halt.kind, halt.value) in _scopes(run)]
    extended = deadline.extended(
        run.deadline_at, run.received_at, [(halt.engaged_at, halt.released_at) for halt in holds], now
    )
    held = any(halt.released_at is None for halt in holds)
    return max(extended, now + timedelta(seconds=HELD_LOOK_S)) if held and extended > now else extended


def _scopes(run: Run) -> set[tuple[str, str]]:
    """Every kind and value of a halt that means the run."""
    ids = {"workspace": run.workspace_id, "environment": run.environment_id, "agent": run.starter_id}
    named = {("workspace", run.workspace.slug), ("environment", run.environment.slug), ("workflow", run.workflow_name)}
    used = {("connector", name) for name in run.pins.get("instances", [])}
    used |= {("tool", name) for name in run.pins.get("tools", [])}
    return {("global", ""), ("tenant", ""), *named, *used, *((kind, str(value)) for kind, value in ids.items())}


def _covered(halt: Halt) -> QuerySet[Run]:
    return Run.objects.filter(_matches(halt), state__in=_STOPPABLE, stop="").order_by("id")


def _matches(halt: Halt | Scope) -> Q:
    """Which runs a scope means; by connector or tool it means those that use it.

    People name workspaces and environments by id or by slug, as in the gateway.
    """
    value, named = halt.value, _uuid(halt.value)
    table = {
        "global": Q(),
        "tenant": Q(),
        "workspace": Q(workspace_id=named) | Q(workspace__slug=value),
        "environment": Q(environment_id=named) | Q(environment__slug=value),
        "workflow": Q(workflow_name=value),
        "agent": Q(starter_id=named),
        "connector": Q(pins__instances__contains=[value]),
        "tool": Q(pins__tools__contains=[value]),
    }
    return table[halt.kind]


def _uuid(value: str) -> UUID:
    """The id that a scope names; one that no row has when it names none."""
    try:
        return UUID(value)
    except ValueError:
        return UUID(int=0)


def _stop(run: Run) -> bool:
    run = _answerable(run)
    if not wakeups.wake(run.pk):
        return False
    return bool(Run.objects.filter(pk=run.pk, stop="").update(stop=Stop.HALTED))


def _answerable(run: Run) -> Run:
    """A sub-run that is done is undone by the run that builds on it."""
    while run.waits_for == WaitReason.PARENT and run.parent_run_id is not None:
        run = Run.objects.get(pk=run.parent_run_id)
    return run
