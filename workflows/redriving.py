"""A redrive: dead letters of one cause, selected once, worked off at a bounded rate, each as one new run.

The rows are the job: whoever dies in the middle, the next round goes on with the first letter that is pending.
Each letter is one transaction, which holds the new run, the letter's end, the item's result and the next time.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Count, QuerySet

from controlplane.lib import clock
from controlplane.lib.canonical import digest
from controlplane.lib.errors import DomainError, Invalid, LostRace
from controlplane.lib.logs import bind, get_logger
from evidence.services import record
from tenants import scope
from tenants.access import environments, workspace
from tenants.actors import Actor
from tenants.permissions import Perm, holds, require
from workflows import letters
from workflows.errors import DeadLetterClosed, JobState, NothingSelected, RunNotFound, RunNotWaiting
from workflows.events import RedriveMoved, RedrivePlanned
from workflows.models import DeadLetter, Run
from workflows.redrive_models import RedriveItem, RedriveJob
from workflows.types import REDRIVE_MOVES, DeadLetterState, RedriveItemState, RedriveState

log = get_logger(__name__)

MOST_LETTERS = 10_000
MOST_PER_MINUTE = 6_000
MOST_TRIES = 5
ROUND_S = 5.0
"""A round leaves the sweeper's other chores waiting for this long at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Open letters of a workspace with all of these; what is empty selects by nothing. Oldest first, and only of
    environments that whoever selects operates."""

    workspace_id: UUID
    connector: str = ""
    tool: str = ""
    code: str = ""
    workflow: str = ""
    limit: int = MOST_LETTERS

    def rows(self, environments: Collection[UUID]) -> QuerySet[DeadLetter]:
        named = {"connector": self.connector, "tool": self.tool, "code": self.code}
        wanted = {name: value for name, value in named.items() if value}
        if self.workflow:
            wanted["run__workflow_name"] = self.workflow
        open_ones = DeadLetter.objects.filter(state=DeadLetterState.OPEN, run__workspace_id=self.workspace_id)
        return open_ones.filter(**wanted, run__environment_id__in=environments).order_by("id")[: self.limit]


@transaction.atomic(durable=True)
def plan(*, selection: Selection, per_minute: int, reason: str, actor: Actor, start: bool = False) -> RedriveJob:
    """Freeze a selection; with `start` also begin. Needs OPERATE in the workspace, or in an environment of it.

    Letters that come later are not part of it. Raises NothingSelected.
    """
    workspace(actor, selection.workspace_id)
    operated = [place.pk for place in environments(actor, Perm.OPERATE) if place.workspace_id == selection.workspace_id]
    if not operated:
        require(actor, Perm.OPERATE, selection.workspace_id)
    _check(selection, per_minute, reason)
    chosen = list(selection.rows(operated).values_list("pk", flat=True))
    if not chosen:
        raise NothingSelected("no open dead letter is like that")
    job = _job(selection, per_minute, reason.strip()[:500], len(chosen), actor)
    RedriveItem.objects.bulk_create(
        [RedriveItem(job=job, letter_id=letter, position=place) for place, letter in enumerate(chosen)]
    )
    _record(_planned(job, chosen), job, actor)
    if start:
        _move(job, RedriveState.RUNNING, actor)
    return job


@transaction.atomic(durable=True)
def move(*, job_id: UUID, to: RedriveState, actor: Actor) -> RedriveJob:
    """Start, pause, resume or stop it. Needs OPERATE wherever a letter of it is; raises JobState. What is stopped does
    not start again."""
    job = RedriveJob.objects.select_for_update().filter(pk=job_id).first()
    if job is None or not holds(actor, Perm.VIEW, job.workspace_id):
        raise RunNotFound("there is no such redrive")
    for environment_id in places(job):
        require(actor, Perm.OPERATE, job.workspace_id, environment_id)
    if to is RedriveState.DONE:
        raise JobState("a redrive is done when its last letter is")
    _move(job, to, actor)
    return job


def work_off() -> int:
    """One round: the redrives that are due, of all tenants; returns how many letters were dealt with."""
    until = clock.monotonic() + ROUND_S
    return sum(_work_off(tenant_id, job_id, until) for tenant_id, job_id in _due())


@transaction.atomic
def counts(job: RedriveJob) -> dict[str, int]:
    """Letters of the job by state; a state that none is in counts 0."""
    found = RedriveItem.objects.filter(job=job).values_list("state").annotate(many=Count("pk"))
    return {**dict.fromkeys((state.value for state in RedriveItemState), 0), **dict(found)}


def places(job: RedriveJob) -> set[UUID]:
    """The environments of its letters."""
    rows = RedriveItem.objects.filter(job=job).order_by().values_list("letter__run__environment_id", flat=True)
    return set(rows.distinct())


def _due() -> list[tuple[UUID, UUID]]:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT tenant_id, job_id FROM routing.due_redrives(%s, 100)", [clock.now()])
        return list(cursor.fetchall())


def _work_off(tenant_id: UUID, job_id: UUID, until: float) -> int:
    done = 0
    with scope.enter(tenant_id), bind(tenant_id=tenant_id, job_id=job_id):
        while clock.monotonic() < until and next_letter(job_id=job_id):
            done += 1
    return done


@transaction.atomic(durable=True)
def next_letter(*, job_id: UUID) -> bool:
    """Deal with one letter of the entered tenant's job; False when nothing is due or somebody else is at it."""
    due = RedriveJob.objects.filter(pk=job_id, state=RedriveState.RUNNING, next_at__lte=clock.now())
    job = due.select_for_update(skip_locked=True).first()
    if job is None:
        return False
    item = _pending(job).select_related("letter").order_by("position").first()
    if item is None:
        _move(job, RedriveState.DONE, Actor.system(scope.current(), "redrive"))
        return False
    _deal_with(item, _starter(job))
    job.next_at = max(job.next_at or clock.now(), clock.now() - timedelta(seconds=1)) + _interval(job, item)
    job.save(update_fields=["next_at"])
    return True


def _pending(job: RedriveJob) -> QuerySet[RedriveItem]:
    return RedriveItem.objects.filter(job=job, state=RedriveItemState.PENDING)


def _deal_with(item: RedriveItem, actor: Actor) -> None:
    """In a savepoint, so that a refusal is a result and not the end of the job."""
    try:
        with transaction.atomic():
            run = _redrive(item, actor)
            joined = run.redrive_of != item.letter.run_id
            _settle(item, RedriveItemState.REDRIVEN, run_id=run.pk, code="joined_open_run" if joined else "")
    except LostRace as race:
        item.tries += 1
        state = RedriveItemState.FAILED if item.tries >= MOST_TRIES else RedriveItemState.PENDING
        _settle(item, state, code=race.code, detail=race.detail)
    except DomainError as refusal:
        skipped = isinstance(refusal, DeadLetterClosed | RunNotWaiting)
        state = RedriveItemState.SKIPPED if skipped else RedriveItemState.FAILED
        _settle(item, state, code=refusal.code, detail=refusal.detail)
    except Exception:
        log.exception("a letter cannot be redriven")
        _settle(item, RedriveItemState.FAILED, code="redrive_fault")


def _redrive(item: RedriveItem, actor: Actor) -> Run:
    letter = letters.lock(item.letter_id)
    if letter is None:
        raise RunNotFound("the dead letter is gone")
    return letters.redrive_letter(letter, actor=actor)


def _settle(item: RedriveItem, state: RedriveItemState, **found: object) -> None:
    changes: Mapping[str, object] = {"state": state, "tries": item.tries, **_cut(found)}
    done = None if state is RedriveItemState.PENDING else clock.now()
    RedriveItem.objects.filter(pk=item.pk, state=RedriveItemState.PENDING).update(**changes, done_at=done)


def _cut(found: Mapping[str, object]) -> dict[str, object]:
    longest = {"code": 80, "detail": 300}
    return {name: str(value)[: longest[name]] if name in longest else value for name, value in found.items()}


def _interval(job: RedriveJob, item: RedriveItem) -> timedelta:
    """The rate; a race that was lost is tried again a little later."""
    return timedelta(seconds=60 / job.per_minute + (2 if item.tries else 0))


def _starter(job: RedriveJob) -> Actor:
    """Whoever planned it starts the runs, with the permissions they hold now."""
    return Actor(job.actor_kind, job.actor_id, scope.current(), job.actor_label, job.actor_method)


def _move(job: RedriveJob, to: RedriveState, actor: Actor) -> None:
    if to not in REDRIVE_MOVES[RedriveState(job.state)]:
        raise JobState(f"the redrive is {job.state}")
    now = clock.now()
    job.state, job.next_at = to, now if to is RedriveState.RUNNING else None
    if to in {RedriveState.DONE, RedriveState.STOPPED}:
        job.finished_at = now
    job.save(update_fields=["state", "next_at", "finished_at"])
    _record(RedriveMoved(job.pk, to.value, counts(job)), job, actor)


def _check(selection: Selection, per_minute: int, reason: str) -> None:
    if not reason.strip():
        raise Invalid("say why", field="reason")
    if not 1 <= per_minute <= MOST_PER_MINUTE:
        raise Invalid(f"per_minute is 1 to {MOST_PER_MINUTE}", field="per_minute")
    if not 1 <= selection.limit <= MOST_LETTERS:
        raise Invalid(f"limit is 1 to {MOST_LETTERS}", field="limit")


def _job(selection: Selection, per_minute: int, reason: str, total: int, actor: Actor) -> RedriveJob:
    return RedriveJob.objects.create(
        workspace_id=selection.workspace_id,
        connector=selection.connector,
        tool=selection.tool,
        code=selection.code,
        workflow=selection.workflow,
        reason=reason,
        per_minute=per_minute,
        total=total,
        actor_kind=actor.kind,
        actor_id=actor.id,
        actor_label=actor.label,
        actor_method=actor.method,
    )


def _planned(job: RedriveJob, chosen: list[UUID]) -> RedrivePlanned:
    return RedrivePlanned(
        job_id=job.pk,
        connector=job.connector,
        tool=job.tool,
        code=job.code,
        letters=job.total,
        selection=digest([str(letter) for letter in chosen]),
        per_minute=job.per_minute,
        reason=job.reason,
    )


def _record(event: object, job: RedriveJob, actor: Actor) -> None:
    record(event, actor=actor, workspace_id=job.workspace_id)
