"""Outcomes that no probe could tell, and the answers of people."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.db import transaction
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from connectors import access, claims
from connectors.calls import Answer
from connectors.gateway import reconciling
from connectors.models import ReconcileTask as TaskRow
from controlplane.api import idempotency, paging
from tenants.http import ApiView

ANSWERS = [answer.value for answer in Answer]
STATES = list(TaskRow.State.values)
FILTERS = [OpenApiParameter("every", bool, description="The answered ones too")]


class ReconcileTask(serializers.Serializer[Any]):
    """`guide`: how to look by hand; `answers`: those that are lawful for this call, none once it is closed."""

    id = serializers.UUIDField()
    state = serializers.ChoiceField(choices=STATES)
    call = serializers.UUIDField(source="call_id")
    run = serializers.UUIDField(source="run_id")
    step = serializers.CharField(source="call.step_id")
    lane = serializers.CharField(source="call.lane")
    tool = serializers.CharField(source="call.tool")
    connector = serializers.CharField(source="call.instance.name")
    target = serializers.CharField(source="call.target")
    marker = serializers.CharField(source="call.marker")
    attempt = serializers.IntegerField()
    guide = serializers.CharField()
    answers = serializers.SerializerMethodField()
    claimed_by = serializers.CharField(source="claimed_label")
    answer = serializers.CharField()
    note = serializers.CharField()
    answered_by = serializers.CharField(source="answered_label")
    created_at = serializers.DateTimeField()
    closed_at = serializers.DateTimeField(allow_null=True)

    @extend_schema_field(serializers.ListField(child=serializers.ChoiceField(choices=ANSWERS)))
    def get_answers(self, task: TaskRow) -> list[str]:
        return [answer.value for answer in reconciling.lawful(task.call)] if task.state == TaskRow.State.OPEN else []


class Look(serializers.Serializer[Any]):
    """What the target answered when it was asked."""

    attempt = serializers.IntegerField()
    number = serializers.IntegerField()
    found = serializers.CharField()
    detail = serializers.CharField()
    at = serializers.DateTimeField(source="created_at")


class ReconcileDetail(ReconcileTask):
    """`before`: how the target read before the write, null when that is withheld or has expired."""

    looks = serializers.SerializerMethodField()
    dispatched_at = serializers.DateTimeField(source="call.dispatched_at", allow_null=True)
    before_digest = serializers.CharField(source="call.before_digest")
    before = serializers.SerializerMethodField()

    @extend_schema_field(Look(many=True))
    def get_looks(self, task: TaskRow) -> list[dict[str, Any]]:
        return list(Look(access.looks(task.call), many=True).data)

    @extend_schema_field(serializers.DictField(allow_null=True))
    def get_before(self, task: TaskRow) -> dict[str, Any] | None:
        return access.images(self.context["actor"], task.call).before


class AnswerBody(serializers.Serializer[Any]):
    """`note`: what you saw at the target; it is kept in the evidence."""

    answer = serializers.ChoiceField(choices=ANSWERS)
    note = serializers.CharField(max_length=500)


class ReconcileTasks(ApiView):
    @extend_schema(
        operation_id="reconcile_list",
        parameters=[*FILTERS, *paging.PARAMETERS],
        responses=paging.page_of(ReconcileTask),
    )
    def get(self, request: Request) -> Response:
        """What waits for a person, newest first."""
        page, every = paging.asked(request), request.query_params.get("every") == "true"
        rows = access.reconcile_tasks(self.actor, every=every, before=page.before, limit=page.limit + 1)
        return Response(paging.envelope(rows, page, lambda row: ReconcileTask(row).data))


class ReconcileOne(ApiView):
    @extend_schema(operation_id="reconcile_show", responses=ReconcileDetail)
    def get(self, request: Request, task_id: UUID) -> Response:
        """All that is known: the call, its target and marker, every probe's answer, how it read before."""
        task = access.reconcile_task(self.actor, task_id)
        return Response(ReconcileDetail(task, context={"actor": self.actor}).data)


class ReconcileVerb(ApiView):
    """A verb on a task that the actor sees."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """A task that is not theirs to see is not there, before anything else is said."""
        super().initial(request, *args, **kwargs)
        self.seen(kwargs["task_id"])

    @transaction.atomic
    def seen(self, task_id: UUID) -> dict[str, Any]:
        return dict(ReconcileTask(access.reconcile_task(self.actor, task_id)).data)

    def told(self, request: Request, verb: Callable[..., TaskRow], task_id: UUID) -> Response:
        return idempotency.once(
            request, actor=self.actor, verb=verb, render=lambda task: dict(ReconcileTask(task).data), task_id=task_id
        )


class ReconcileClaim(ReconcileVerb):
    @extend_schema(operation_id="reconcile_claim", request=None, responses=ReconcileTask)
    def post(self, request: Request, task_id: UUID) -> Response:
        """Say that you are looking at it."""
        return self.told(request, claims.claim, task_id)


class ReconcileRelease(ReconcileVerb):
    @extend_schema(operation_id="reconcile_release", request=None, responses=ReconcileTask)
    def post(self, request: Request, task_id: UUID) -> Response:
        """Give it back."""
        return self.told(request, claims.release, task_id)


class ReconcileAnswer(ReconcileVerb):
    @extend_schema(operation_id="reconcile_answer", request=AnswerBody, responses=ReconcileTask)
    def post(self, request: Request, task_id: UUID) -> Response:
        """Say what became of the call. One answer counts: a second one is refused (409)."""
        body = AnswerBody(data=request.data)
        body.is_valid(raise_exception=True)
        claims.answer(task_id=task_id, actor=self.actor, **body.validated_data)
        return Response(self.seen(task_id))
