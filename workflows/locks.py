"""Who may move a run, and how it moves: leases with a fence, and compare-and-swap. Locks are taken run first.

Rows move in memory while their run is locked; `workflows.engine.flushing` writes what changed, by
compare-and-swap, before the transaction ends. A row that nobody holds refuses to move.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q

from controlplane.lib import clock
from controlplane.lib.errors import LostRace
from workflows.models import Moving, Run, Step
from workflows.types import ENGINE_RUN_STATES, RunState, StepState, check_run_move, check_step_move


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to move a run until it runs out or somebody with a higher fence comes."""

    run_id: UUID
    fence: int


@transaction.atomic(durable=True)
def claim(run_id: UUID) -> Lease | None:
    """Take the lease of a run that the engine owns and nobody holds; None otherwise.

    Committed before any work, and `crashes` counted up front, so that a run whose worker dies every time is
    noticed. While the lease stands, the sweeper's next look is its end.
    """
    until = _lease_end()
    free = Q(lease_until=None) | Q(lease_until__lte=clock.now())
    claimed = Run.objects.filter(free, pk=run_id, state__in=ENGINE_RUN_STATES).update(
        fence=F("fence") + 1, lease_until=until, wake_at=until, nudged=False, crashes=F("crashes") + 1
    )
    if not claimed:
        return None
    return Lease(run_id, Run.objects.values_list("fence", flat=True).get(pk=run_id))


def held(lease: Lease) -> Run:
    """The run, locked, with the lease renewed (the heartbeat); raises LostRace when it is someone else's."""
    mine = Run.objects.filter(pk=lease.run_id, fence=lease.fence, state__in=ENGINE_RUN_STATES)
    run = mine.select_for_update(of=("self",)).select_related("version", "environment").first()
    if run is None:
        raise LostRace(f"run {lease.run_id} is in other hands")
    hold(run)
    until = _lease_end()
    change(run, lease_until=until, wake_at=until)
    return run


def open_run(run_id: UUID) -> Run | None:
    """The run, locked for a person's verb; None when there is none."""
    return Run.objects.select_for_update(of=("self",)).select_related("version").filter(pk=run_id).first()


def hold(*rows: Moving) -> None:
    """The rows are locked with their run and as the database has them: from here on changes are remembered."""
    for row in rows:
        row.was = {name: value for name, value in vars(row).items() if name in row.columns()}


def move_run(run: Run, new: RunState, **changes: Any) -> None:
    """A transition of a held run; raises IllegalMove for what the table forbids."""
    check_run_move(RunState(run.state), new)
    change(run, state=new, **changes)


def move_step(step: Step, new: StepState, **changes: Any) -> None:
    """A transition of a step whose run is held; raises IllegalMove for what the table forbids."""
    check_step_move(StepState(step.state), new)
    change(step, state=new, **changes)


def change(row: Run | Step, **changes: Any) -> None:
    """Change members of a held row without a transition."""
    if row.was is None:
        raise ValueError(f"{row} is in nobody's hands: load it as part of a `Work`")
    for name, value in changes.items():
        setattr(row, name, value)


def let_go(run: Run, *, wake_at: datetime, crashes: int) -> None:
    """End the lease before its time, to be woken again at `wake_at`."""
    move_run(run, RunState(run.state), lease_until=None, wake_at=wake_at, crashes=crashes)


def _lease_end() -> datetime:
    return clock.now() + timedelta(seconds=settings.INTERLOCK_RUN_LEASE_S)
