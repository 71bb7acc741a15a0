"""The only fetch for views. What is foreign is missing."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, Max, Min, Q, QuerySet

from connectors import access as connectors
from controlplane.lib.errors import NotFound
from evidence import access as evidence
from evidence.searching import Wanted
from tenants import payloads
from tenants.access import workspace_ids
from tenants.actors import Actor
from tenants.permissions import Perm, holds
from workflows.errors import WorkflowUnknown
from workflows.models import DeadLetter, Run, Step, Workflow, WorkflowVersion
from workflows.redrive_models import RedriveItem, RedriveJob
from workflows.runbook import Line, line
from workflows.types import DeadLetterState, StepState

_MOST = 200


def runs(
    actor: Actor,
    *,
    states: Collection[str] = (),
    workflow: str = "",
    text: str = "",
    before: UUID | None = None,
    limit: int = 50,
) -> list[Run]:
    """Newest first, with their steps; `before` is the id of the last run of the page before.

    `text` is the number of a ticket or the id of a run, whole.
    """
    rows = _runs(actor, states, workflow, text)
    if before is not None:
        rows = rows.filter(id__lt=before)
    return list(rows.prefetch_related("steps").order_by("-id")[: min(limit, _MOST)])


def search_evidence(
    actor: Actor, *, wanted: Wanted, before: UUID | None = None, limit: int = 50
) -> list[tuple[UUID, dict[str, Any]]]:
    """`evidence.access.search`, where a ticket stands for the newest runs about it (or a run for itself)."""
    if wanted.ticket:
        runs = _runs(actor, (), "", wanted.ticket).order_by("-id").values_list("pk", flat=True)[:_MOST]
        named = set(runs) & set(wanted.runs or runs)
        wanted = replace(wanted, runs=tuple(named))
    return evidence.search(actor, wanted=wanted, before=before, limit=limit)


def count_runs(
    actor: Actor, *, states: Collection[str] = (), workflow: str = "", text: str = "", cap: int = 1_000
) -> int:
    """How many there are, counted up to `cap`: a count never reads the whole table."""
    return _runs(actor, states, workflow, text).values("pk")[:cap].count()


def access_run(actor: Actor, run_id: UUID, perm: Perm = Perm.VIEW) -> Run:
    """One run with version, environment and steps; NotFound when it is not there or not theirs."""
    rows = Run.objects.filter(workspace_id__in=workspace_ids(actor, perm))
    row = rows.select_related("version", "environment").prefetch_related("steps").filter(pk=run_id).first()
    if row is None:
        raise NotFound
    return row


def runbook(actor: Actor, run: Run) -> list[Line]:
    """What is left for a person's hand: the steps whose undo could not be carried out."""
    stuck = [step for step in run.steps.all() if step.state == StepState.CONFLICT]
    return [_line(actor, step) for step in stuck]


def _line(actor: Actor, step: Step) -> Line:
    wrote = connectors.call(actor, step.call_id) if step.call_id else None
    return line(
        step=step.key,
        code=step.code,
        label=step.label,
        detail=step.detail,
        target=wrote.target if wrote else step.tool,
        undo=connectors.images(actor, wrote).undo if wrote else "",
    )


def outputs(actor: Actor, run: Run) -> Any:
    """What a run handed back; None when it did not, when that is no longer kept, or is not theirs to read."""
    if not holds(actor, Perm.VIEW_PAYLOADS, run.workspace_id, run.environment_id):
        return None
    return payloads.get_json(run.output_digest) if payloads.known([run.output_digest]) else None


def workflow_names(actor: Actor) -> list[str]:
    names = Workflow.objects.filter(workspace_id__in=workspace_ids(actor)).values_list("name", flat=True)
    return sorted(set(names))


def versions(actor: Actor, *, name: str = "", before: UUID | None = None, limit: int = 50) -> list[WorkflowVersion]:
    """Published versions, of one workflow or of all, newest first, without their text."""
    rows = _versions(actor).defer("source", "document", "assets")
    if name:
        rows = rows.filter(workflow__name=name)
    if before is not None:
        rows = rows.filter(id__lt=before)
    return list(rows.order_by("-id")[: min(limit, _MOST)])


def version(actor: Actor, version_id: UUID) -> WorkflowVersion:
    row = _versions(actor).filter(pk=version_id).first()
    if row is None:
        raise WorkflowUnknown
    return row


def dead_letters(
    actor: Actor,
    *,
    state: str = DeadLetterState.OPEN,
    connector: str | None = None,
    tool: str | None = None,
    code: str | None = None,
    workspace_id: UUID | None = None,
    before: UUID | None = None,
    limit: int = 50,
) -> list[DeadLetter]:
    """Newest first; by default what waits for somebody. None selects by nothing, "" what has none."""
    named = {"connector": connector, "tool": tool, "code": code, "run__workspace_id": workspace_id}
    rows = _letters(actor).filter(state=state, **{name: value for name, value in named.items() if value is not None})
    if before is not None:
        rows = rows.filter(id__lt=before)
    rows = rows.select_related("run").prefetch_related("run__steps")
    return list(rows.order_by("-id")[: min(limit, _MOST)])


@dataclass(frozen=True, slots=True)
class LetterGroup:
    """Open letters of one workspace that were given up at the same tool for the same cause."""

    workspace_id: UUID
    workspace: str
    connector: str
    tool: str
    code: str
    count: int
    oldest_at: datetime
    newest_at: datetime


def letter_groups(actor: Actor, *, limit: int = 200) -> list[LetterGroup]:
    """The largest groups first."""
    columns = ("run__workspace_id", "run__workspace__slug", "connector", "tool", "code")
    rows = _open_letters(actor).values_list(*columns).annotate(many=Count("pk"))
    spans = rows.annotate(oldest=Min("created_at"), newest=Max("created_at"))
    return [LetterGroup(*row) for row in spans.order_by("-many", *columns)[: min(limit, _MOST)]]


def redrive_jobs(actor: Actor, *, before: UUID | None = None, limit: int = 50) -> list[RedriveJob]:
    rows = RedriveJob.objects.filter(workspace_id__in=workspace_ids(actor))
    if before is not None:
        rows = rows.filter(id__lt=before)
    return list(rows.order_by("-id")[: min(limit, _MOST)])


def redrive_job(actor: Actor, job_id: UUID) -> RedriveJob:
    row = RedriveJob.objects.filter(workspace_id__in=workspace_ids(actor), pk=job_id).first()
    if row is None:
        raise NotFound
    return row


def redrive_items(actor: Actor, job_id: UUID, *, after: int = -1, limit: int = 50) -> list[RedriveItem]:
    """In the order in which they are worked off, after that position."""
    job = redrive_job(actor, job_id)
    rows = RedriveItem.objects.filter(job=job, position__gt=after).select_related("letter__run")
    return list(rows.order_by("position")[: min(limit, _MOST)])


def dead_letter(actor: Actor, letter_id: UUID, perm: Perm = Perm.VIEW) -> DeadLetter:
    rows = _letters(actor, perm)
    row = rows.select_related("run").filter(pk=letter_id).first()
    if row is None:
        raise NotFound
    return row


def count_dead_letters(actor: Actor, *, cap: int = 1_000) -> int:
    return _open_letters(actor).values("pk")[:cap].count()


def _runs(actor: Actor, states: Collection[str], workflow: str, text: str) -> QuerySet[Run]:
    rows = Run.objects.filter(workspace_id__in=workspace_ids(actor))
    if states:
        rows = rows.filter(state__in=states)
    if workflow:
        rows = rows.filter(workflow_name=workflow)
    return rows.filter(_named(text)) if text else rows


def _named(text: str) -> Q:
    try:
        return Q(pk=UUID(text))
    except ValueError:
        return Q(ticket_number=text.upper())


def _versions(actor: Actor) -> QuerySet[WorkflowVersion]:
    rows = WorkflowVersion.objects.filter(workflow__workspace_id__in=workspace_ids(actor))
    return rows.select_related("workflow")


def _letters(actor: Actor, perm: Perm = Perm.VIEW) -> QuerySet[DeadLetter]:
    return DeadLetter.objects.filter(run__workspace_id__in=workspace_ids(actor, perm))


def _open_letters(actor: Actor) -> QuerySet[DeadLetter]:
    return _letters(actor).filter(state=DeadLetterState.OPEN)
