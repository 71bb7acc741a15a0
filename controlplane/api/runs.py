"""Runs: started, listed, looked at, stopped, tried again."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.api import paging
from controlplane.lib.errors import Invalid
from metering.services import run_cost
from tenants.http import ApiView
from workflows import access
from workflows.models import Run as RunRow
from workflows.types import RunState, StepState

STATES = [state.value for state in RunState]
STEP_STATES = [state.value for state in StepState]
FILTERS = [
    OpenApiParameter("state", str, enum=STATES, many=True, description="Only these states; repeat for more"),
    OpenApiParameter("workflow", str, description="Only runs of this workflow"),
    OpenApiParameter("text", str, description="The number of a ticket, or the id of a run"),
]


class Run(serializers.Serializer[Any]):
    """`waits_for` says what a waiting run waits for; `effects` counts writes that landed."""

    id = serializers.UUIDField()
    state = serializers.ChoiceField(choices=STATES)
    waits_for = serializers.CharField()
    workflow = serializers.CharField(source="workflow_name")
    version = serializers.CharField(source="workflow_version")
    ticket = serializers.CharField(source="ticket_number")
    workspace_id = serializers.UUIDField()
    environment_id = serializers.UUIDField()
    starter = serializers.CharField(source="starter_label")
    code = serializers.CharField()
    detail = serializers.CharField()
    effects = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    written_at = serializers.DateTimeField(allow_null=True)
    closed_at = serializers.DateTimeField(allow_null=True)


class Step(serializers.Serializer[Any]):
    key = serializers.CharField()
    tool = serializers.CharField()
    state = serializers.ChoiceField(choices=STEP_STATES)
    waits_for = serializers.CharField()
    attempts = serializers.IntegerField()
    code = serializers.CharField()
    detail = serializers.CharField()
    label = serializers.CharField(help_text="How an undo left the target")  # type: ignore[assignment]
    call_id = serializers.UUIDField(allow_null=True)
    undo_call_id = serializers.UUIDField(allow_null=True)
    request_id = serializers.UUIDField(allow_null=True)
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)


class RunCost(serializers.Serializer[Any]):
    """Micro-USD; `complete` false: a part has no price or was estimated, so more may be due."""

    micros = serializers.IntegerField()
    model_micros = serializers.IntegerField()
    tool_micros = serializers.IntegerField()
    human_micros = serializers.IntegerField()
    complete = serializers.BooleanField()


class RunDetail(Run):
    redrive_of = serializers.UUIDField(allow_null=True)
    policy_revision = serializers.CharField()
    pins = serializers.JSONField()
    human_wait_ms = serializers.IntegerField()
    steps = Step(many=True)
    cost = serializers.SerializerMethodField()

    @extend_schema_field(RunCost)
    def get_cost(self, run: RunRow) -> dict[str, Any]:
        return dict(RunCost(run_cost(run.pk)).data)


class Runs(ApiView):
    @extend_schema(operation_id="runs_list", parameters=[*FILTERS, *paging.PARAMETERS], responses=paging.page_of(Run))
    def get(self, request: Request) -> Response:
        """Newest first."""
        page, query = paging.asked(request), request.query_params
        rows = access.runs(
            self.actor,
            states=_states(query.getlist("state")),
            workflow=query.get("workflow", ""),
            text=query.get("text", ""),
            before=page.before,
            limit=page.limit + 1,
        )
        return Response(paging.envelope(rows, page, lambda row: Run(row).data))


class RunOne(ApiView):
    @extend_schema(operation_id="runs_show", responses=RunDetail)
    def get(self, request: Request, run_id: UUID) -> Response:
        return Response(RunDetail(access.access_run(self.actor, run_id)).data)


def _states(wanted: list[str]) -> list[str]:
    unknown = sorted(set(wanted) - set(STATES))
    if unknown:
        raise Invalid(f"no such state: {', '.join(unknown)}", field="state")
    return wanted
