"""Redrives: a frozen selection of dead letters, worked off at a bounded rate."""

from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.api import idempotency, naming, paging
from controlplane.lib.errors import Invalid
from tenants.http import ApiView
from workflows import access, redriving
from workflows.redrive_models import RedriveJob as JobRow
from workflows.redriving import MOST_LETTERS, MOST_PER_MINUTE, Selection
from workflows.types import RedriveState


class PlanBody(serializers.Serializer[Any]):
    """What is left empty selects by nothing; the oldest letters come first."""

    workspace = serializers.CharField(max_length=64, default="", allow_blank=True)
    connector = serializers.CharField(max_length=64, default="", allow_blank=True)
    tool = serializers.CharField(max_length=120, default="", allow_blank=True)
    code = serializers.CharField(max_length=80, default="", allow_blank=True)
    workflow = serializers.CharField(max_length=64, default="", allow_blank=True)
    limit = serializers.IntegerField(min_value=1, max_value=MOST_LETTERS, default=1_000)
    per_minute = serializers.IntegerField(min_value=1, max_value=MOST_PER_MINUTE, default=60)
    reason = serializers.CharField(max_length=500)
    start = serializers.BooleanField(default=False)


class RedriveJob(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    workspace_id = serializers.UUIDField()
    connector = serializers.CharField()
    tool = serializers.CharField()
    code = serializers.CharField()
    workflow = serializers.CharField()
    reason = serializers.CharField()
    per_minute = serializers.IntegerField()
    total = serializers.IntegerField()
    state = serializers.CharField()
    counts = serializers.SerializerMethodField()
    planned_by = serializers.CharField(source="actor_label")
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)

    def get_counts(self, job: JobRow) -> dict[str, int]:
        return redriving.counts(job)


class RedriveItem(serializers.Serializer[Any]):
    position = serializers.IntegerField()
    dead_letter = serializers.UUIDField(source="letter_id")
    old_run = serializers.UUIDField(source="letter.run_id")
    state = serializers.CharField()
    code = serializers.CharField()
    detail = serializers.CharField()
    new_run = serializers.UUIDField(source="run_id", allow_null=True)
    done_at = serializers.DateTimeField(allow_null=True)


class RedriveItems(serializers.Serializer[Any]):
    results = RedriveItem(many=True)
    next_after = serializers.IntegerField(allow_null=True)


def job_of(row: JobRow) -> dict[str, Any]:
    shown: dict[str, Any] = RedriveJob(row).data
    return dict(shown)


class RedriveJobs(ApiView):
    @extend_schema(operation_id="redrive_jobs_list", parameters=paging.PARAMETERS, responses=paging.page_of(RedriveJob))
    def get(self, request: Request) -> Response:
        page = paging.asked(request)
        rows = access.redrive_jobs(self.actor, before=page.before, limit=page.limit + 1)
        return Response(paging.envelope(rows, page, job_of))

    @extend_schema(operation_id="redrive_jobs_plan", request=PlanBody, responses={201: RedriveJob})
    def post(self, request: Request) -> Response:
        """Freezes the selection; with `start` also begins. Later letters are not part of it."""
        body = PlanBody(data=request.data)
        body.is_valid(raise_exception=True)
        wanted = dict(body.validated_data)
        own = {name: wanted.pop(name) for name in ("per_minute", "reason", "start")}
        workspace_id = naming.workspace(self.actor, wanted.pop("workspace") or None).pk
        return idempotency.once(
            request,
            actor=self.actor,
            verb=redriving.plan,
            render=job_of,
            status=201,
            selection=Selection(workspace_id=workspace_id, **wanted),
            **own,
        )


class RedriveJobOne(ApiView):
    @extend_schema(operation_id="redrive_jobs_get", responses=RedriveJob)
    def get(self, request: Request, job_id: UUID) -> Response:
        return Response(job_of(access.redrive_job(self.actor, job_id)))


class _Move(ApiView):
    to: ClassVar[RedriveState]

    def moved(self, request: Request, job_id: UUID) -> Response:
        return idempotency.once(
            request, actor=self.actor, verb=redriving.move, render=job_of, job_id=job_id, to=self.to
        )


class RedriveStart(_Move):
    to = RedriveState.RUNNING

    @extend_schema(operation_id="redrive_jobs_start", request=None, responses=RedriveJob)
    def post(self, request: Request, job_id: UUID) -> Response:
        """Begin, or go on after a pause; what was stopped does not start again."""
        return self.moved(request, job_id)


class RedrivePause(_Move):
    to = RedriveState.PAUSED

    @extend_schema(operation_id="redrive_jobs_pause", request=None, responses=RedriveJob)
    def post(self, request: Request, job_id: UUID) -> Response:
        """What is pending stands still."""
        return self.moved(request, job_id)


class RedriveStop(_Move):
    to = RedriveState.STOPPED

    @extend_schema(operation_id="redrive_jobs_stop", request=None, responses=RedriveJob)
    def post(self, request: Request, job_id: UUID) -> Response:
        """For good: what is pending stays a dead letter."""
        return self.moved(request, job_id)


class RedriveJobItems(ApiView):
    @extend_schema(
        operation_id="redrive_jobs_items",
        parameters=[OpenApiParameter("after", int, description="`next_after` of the page before")],
        responses=RedriveItems,
    )
    def get(self, request: Request, job_id: UUID) -> Response:
        """The frozen selection in the order in which it is worked off, with what came of each letter."""
        after = request.query_params.get("after", "-1")
        if not after.removeprefix("-").isdigit():
            raise Invalid("after is a position", field="after")
        rows = access.redrive_items(self.actor, job_id, after=int(after), limit=paging.USUAL + 1)
        shown = rows[: paging.USUAL]
        more = shown[-1].position if len(rows) > paging.USUAL else None
        return Response({"results": RedriveItem(shown, many=True).data, "next_after": more})
