"""Simulation: what a candidate policy would have decided, as a job in slices that survives its worker."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q
from django_q.tasks import async_task

from controlplane.lib import clock
from controlplane.lib.canonical import digest
from controlplane.lib.errors import Invalid, NotFound
from evidence.services import record
from policies import backtest, publishing
from policies.backtest import Backtest, Selection
from policies.errors import PolicyRefused
from policies.events import PolicySimulated, SimulationRequested
from policies.impact import Impact
from policies.models import Simulation
from policies.types import PackSource, SimulationState
from tenants import payloads, scope
from tenants.actors import Actor
from tenants.models import Environment
from tenants.permissions import Perm, require

TASK = "policies.tasks.simulate"
MOST = 100_000
SLICE_S = 15.0
LEASE = timedelta(seconds=90)
_OPEN = (SimulationState.QUEUED, SimulationState.RUNNING)


@transaction.atomic(durable=True)
def request(
    *, environment_id: UUID, packs: Mapping[str, PackSource], since: datetime, until: datetime, most: int, actor: Actor
) -> Simulation:
    """Have a candidate weighed on the newest `most` decisions of a time range. Needs AUTHOR_POLICY.

    `packs` take the place of the active ones of the same name; the other active packs stay as they are.
    """
    environment = Environment.objects.filter(pk=environment_id).first()
    if environment is None:
        raise NotFound
    require(actor, Perm.AUTHOR_POLICY, environment.workspace_id, environment.pk)
    if not packs:
        raise Invalid("name at least one pack to simulate", field="packs")
    _, standing = publishing.standing_packs(environment_id)
    return begin(environment, {**standing, **packs}, since=since, until=until, most=most, actor=actor)


def begin(
    environment: Environment,
    whole: Mapping[str, PackSource],
    *,
    since: datetime,
    until: datetime,
    most: int,
    actor: Actor,
) -> Simulation:
    """Have exactly these packs weighed, as the whole policy of the environment; in an open transaction."""
    _check(since, until, most)
    row = _asked(environment, whole, Selection(environment.pk, since, until, most), actor)
    _enqueue(row)
    return row


def keep_done(
    environment: Environment,
    whole: Mapping[str, PackSource],
    selection: Selection,
    report: dict[str, Any],
    *,
    actor: Actor,
) -> Simulation:
    """Write down what was weighed while somebody waited; in an open transaction."""
    row = _asked(environment, whole, selection, actor)
    row.state, row.report, row.ended_at = SimulationState.DONE, report, clock.now()
    row.done = int(report.get("decisions", 0))
    row.save()
    _tell(row, SimulationState.DONE, report)
    return row


def _asked(environment: Environment, whole: Mapping[str, PackSource], selection: Selection, actor: Actor) -> Simulation:
    row = Simulation.objects.create(
        environment=environment,
        state=SimulationState.QUEUED,
        candidate_digest=payloads.put_json({name: _text(pack) for name, pack in sorted(whole.items())}),
        packs=listed(whole),
        since=selection.since,
        until=selection.until,
        most=selection.most,
        requested_by_id=actor.id,
    )
    event = SimulationRequested(row.pk, environment.pk, row.candidate_digest)
    record(event, actor=actor, workspace_id=environment.workspace_id)
    return row


def carry_on(simulation_id: UUID) -> None:
    """One slice of a simulation; may be called twice or late, its lease decides. For a worker."""
    row = _claim(simulation_id)
    if row is None:
        return
    try:
        state, found = _slice(row)
    except PolicyRefused as refusal:
        _end(row, SimulationState.REFUSED, findings=refusal.extra.get("findings", []))
        return
    if state.over:
        _end(row, SimulationState.DONE, report=found, cursor=state.cursor, done=state.done)
    else:
        _pause(row, report=found, cursor=state.cursor, done=state.done)


def overdue(limit: int = 100) -> int:
    """Enqueue simulations of the entered tenant whose worker is gone; returns how many. For the sweeper."""
    with transaction.atomic():
        late = Simulation.objects.filter(_free(), state__in=_OPEN, created_at__lt=clock.now() - LEASE)[:limit]
        return sum(_enqueue(row) for row in late)


def _check(since: datetime, until: datetime, most: int) -> None:
    if since >= until:
        raise Invalid("the time range ends before it begins", field="until")
    if not 1 <= most <= MOST:
        raise Invalid(f"1 to {MOST} decisions", field="most")


def _slice(row: Simulation) -> tuple[Backtest, dict[str, Any]]:
    packs = _candidate(row)
    if row.cursor is None:
        publishing.check(packs)
    state = Backtest(Impact.resumed(row.report), row.cursor, row.done)
    selection = Selection(row.environment_id, row.since, row.until, row.most)
    state.advance(
        selection, backtest.candidate(packs), seconds=SLICE_S, standing=backtest.standing_of(row.environment_id)
    )
    return state, state.impact.report()


@transaction.atomic
def _candidate(row: Simulation) -> dict[str, PackSource]:
    told = payloads.get_json(row.candidate_digest)
    return {name: PackSource(**pack) for name, pack in told.items()}


@transaction.atomic(durable=True)
def _claim(simulation_id: UUID) -> Simulation | None:
    mine = Simulation.objects.filter(_free(), pk=simulation_id, state__in=_OPEN)
    taken = mine.update(state=SimulationState.RUNNING, fence=F("fence") + 1, lease_until=clock.now() + LEASE)
    return Simulation.objects.get(pk=simulation_id) if taken else None


def _free() -> Q:
    return Q(lease_until=None) | Q(lease_until__lte=clock.now())


@transaction.atomic(durable=True)
def _pause(row: Simulation, **changes: Any) -> None:
    """Keep what the slice found, if the lease is still ours; the next slice is another task."""
    if Simulation.objects.filter(pk=row.pk, fence=row.fence).update(lease_until=None, **changes):
        _enqueue(row)


@transaction.atomic(durable=True)
def _end(row: Simulation, state: SimulationState, **changes: Any) -> None:
    held = Simulation.objects.filter(pk=row.pk, fence=row.fence)
    if not held.update(state=state, lease_until=None, ended_at=clock.now(), **changes):
        return
    _tell(row, state, changes.get("report", {}))


def _tell(row: Simulation, state: SimulationState, report: Mapping[str, Any]) -> None:
    counts = {
        name: int(report.get(name, 0))
        for name in ("decisions", "covered", "loosened", "loosened_high_risk", "tightened")
    }
    event = PolicySimulated(
        simulation_id=row.pk,
        environment_id=row.environment_id,
        candidate_digest=row.candidate_digest,
        state=state.value,
        report_digest=digest(dict(report)),
        **counts,
    )
    workspace_id = Environment.objects.get(pk=row.environment_id).workspace_id
    record(event, actor=Actor.system(scope.current(), "simulation"), workspace_id=workspace_id)


def listed(whole: Mapping[str, PackSource]) -> list[dict[str, str]]:
    """What a candidate consists of, as a simulation and a draft both name it."""
    return [{"pack": name, "digest": pack.digest} for name, pack in sorted(whole.items())]


def _text(pack: PackSource) -> dict[str, Any]:
    told = {"source": pack.source, "data": dict(pack.data), "tests": pack.tests, "version": pack.version}
    return {**told, "golden": [dict(case) for case in pack.golden]}


def _enqueue(row: Simulation) -> bool:
    async_task(TASK, str(scope.current()), str(row.pk))
    return True
