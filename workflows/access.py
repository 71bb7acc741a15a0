"""The only fetch for views. What is foreign is missing."""

from collections.abc import Collection
from uuid import UUID

from django.db.models import Q, QuerySet

from controlplane.lib.errors import NotFound
from tenants.access import workspace_ids
from tenants.actors import Actor
from tenants.permissions import Perm
from workflows.errors import WorkflowUnknown
from workflows.models import DeadLetter, Run, Workflow, WorkflowVersion
from workflows.types import DeadLetterState

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


def workflow_names(actor: Actor) -> list[str]:
    names = Workflow.objects.filter(workspace_id__in=workspace_ids(actor)).values_list("name", flat=True)
    return sorted(set(names))


def versions(actor: Actor, *, before: UUID | None = None, limit: int = 50) -> list[WorkflowVersion]:
    """Published versions, newest first, without their text."""
    rows = _versions(actor).defer("source", "document", "assets")
    if before is not None:
        rows = rows.filter(id__lt=before)
    return list(rows.order_by("-id")[: min(limit, _MOST)])


def version(actor: Actor, version_id: UUID) -> WorkflowVersion:
    row = _versions(actor).filter(pk=version_id).first()
    if row is None:
        raise WorkflowUnknown
    return row


def dead_letters(actor: Actor, *, before: UUID | None = None, limit: int = 50) -> list[DeadLetter]:
    """What waits for a redrive, newest first."""
    rows = _open_letters(actor).select_related("run").prefetch_related("run__steps")
    if before is not None:
        rows = rows.filter(id__lt=before)
    return list(rows.order_by("-id")[: min(limit, _MOST)])


def dead_letter(actor: Actor, letter_id: UUID, perm: Perm = Perm.VIEW) -> DeadLetter:
    rows = DeadLetter.objects.filter(run__workspace_id__in=workspace_ids(actor, perm))
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


def _open_letters(actor: Actor) -> QuerySet[DeadLetter]:
    return DeadLetter.objects.filter(run__workspace_id__in=workspace_ids(actor), state=DeadLetterState.OPEN)
