"""Who may move a run, and how it moves: leases with a fence, and compare-and-swap. Locks are taken run first.

Rows move in memory while their run is locked; `workflows.engine.flushing` writes what changed, by
compare-and-swap, before the transaction ends. A row that nobody holds refuses to move.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q

from controlplane.lib import clock
from workflows.models import Moving, Run, Step
from workflows.types import ENGINE_RUN_STATES, RunState, StepState, check_run_move, check_step_move


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to move a run until it runs out or somebody with a higher fence comes."""

    run_id: UUID
    fence: int


@transaction.atomic(durable=True)
def claim(run_id: UUID) -> Lease | None:
    """Take the lease of one run that the engine owns and nobody holds, whether it is queued or not; None otherwise.

    Workers take from the queue (`workflows.claiming`), with the same effect on the row.
    """
    until = lease_end()
    free = Q(lease_until=None) | Q(lease_until__lte=clock.now())
    claimed = Run.objects.filter(free, pk=run_id, state__in=ENGINE_RUN_STATES).update(
        fence=F("fence") + 1,
        lease_until=until,
        wake_at=until,
        ready_at=None,
        lane="",
        nudged=False,
        crashes=F("crashes") + 1,
    )
    if not claimed:
        return None
    return Lease(run_id, Run.objects.values_list("fence", flat=True).get(pk=run_id))


def held(leases: Sequence[Lease]) -> list[Run]:
    """The runs of these leases, locked, with the leases renewed; those that are in other hands now are left out."""
    fences = {lease.run_id: lease.fence for lease in leases}
    mine = Run.objects.filter(pk__in=fences, state__in=ENGINE_RUN_STATES).order_by("pk")
    locked = mine.select_for_update(of=("self",)).select_related("environment")
    runs = [run for run in locked if run.fence == fences[run.pk]]
    hold(*runs)
    until = lease_end()
    for run in runs:
        change(run, lease_until=until, wake_at=until)
    return runs


@transaction.atomic(durable=True)
def renew(leases: Sequence[Lease]) -> None:
    """The heartbeat of runs whose worker is inside a call."""
    until = lease_end()
    for lease in sorted(leases, key=lambda lease: lease.run_id):
        mine = Run.objects.filter(pk=lease.run_id, fence=lease.fence, lease_until__isnull=False)
        mine.update(lease_until=until, wake_at=until)


def open_run(run_id: UUID) -> Run | None:
    """The run, locked for a person's verb; None when there is none."""
    return Run.objects.select_for_update(of=("self",)).select_related("version").filter(pk=run_id).first()


def hold(*rows: Moving) -> None:
    """The rows are locked with their run and as the database has them: from here on changes are remembered."""
    for row in rows:
        row.was = {}


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
    row.shown = None
    for name, value in changes.items():
        row.was.setdefault(name, getattr(row, name))
        setattr(row, name, value)


def let_go(run: Run, *, wake_at: datetime, crashes: int) -> None:
    """End the lease before its time, to be woken again at `wake_at`; into the queue if that is now."""
    ready_at = wake_at if wake_at <= clock.now() else None
    move_run(run, RunState(run.state), lease_until=None, wake_at=wake_at, ready_at=ready_at, crashes=crashes)


def lease_end() -> datetime:
    return clock.now() + timedelta(seconds=settings.INTERLOCK_RUN_LEASE_S)
