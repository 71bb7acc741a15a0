"""Runs: started, listed, looked at, stopped, tried again."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.db import transaction
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from connectors.calls import Answer
from controlplane.api import idempotency, naming, paging
from controlplane.api.halts import ReasonBody
from controlplane.lib import ids
from controlplane.lib.canonical import canonical
from controlplane.lib.errors import Invalid
from metering.services import run_cost
from tenants.actors import Actor
from tenants.http import ApiView
from workflows import access, services
from workflows.definition.model import Priority
from workflows.models import Run as RunRow
from workflows.types import RunState, StepState

STATES = [state.value for state in RunState]
STEP_STATES = [state.value for state in StepState]
PRIORITIES = [priority.name.lower() for priority in Priority]
OUTCOMES = [answer.value for answer in Answer]
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
    priority = serializers.IntegerField(help_text="Lower goes first")
    paused_at = serializers.DateTimeField(allow_null=True)
    deadline_at = serializers.DateTimeField(allow_null=True)
    parent_run_id = serializers.UUIDField(allow_null=True)
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    written_at = serializers.DateTimeField(allow_null=True)
    closed_at = serializers.DateTimeField(allow_null=True)


class Step(serializers.Serializer[Any]):
    key = serializers.CharField()
    kind = serializers.CharField()
    tool = serializers.CharField()
    needs = serializers.ListField(child=serializers.CharField())
    item = serializers.IntegerField(allow_null=True, help_text="Its place in the loop, from 0")
    state = serializers.ChoiceField(choices=STEP_STATES)
    waits_for = serializers.CharField()
    attempts = serializers.IntegerField()
    code = serializers.CharField()
    detail = serializers.CharField()
    label = serializers.CharField(help_text="How an undo left the target")  # type: ignore[assignment]
    call_id = serializers.UUIDField(allow_null=True)
    undo_call_id = serializers.UUIDField(allow_null=True)
    child_run_id = serializers.UUIDField(allow_null=True)
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


class RunbookLine(serializers.Serializer[Any]):
    """What a person does by hand about an effect whose undo could not be carried out."""

    step = serializers.CharField()
    code = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    text = serializers.CharField()


class RunDetail(Run):
    redrive_of = serializers.UUIDField(allow_null=True)
    policy_revision = serializers.CharField()
    pins = serializers.JSONField()
    human_wait_ms = serializers.IntegerField()
    steps = Step(many=True)
    outputs = serializers.SerializerMethodField(help_text="Null: none, no longer kept, or not yours to read")
    cost = serializers.SerializerMethodField()
    runbook = serializers.SerializerMethodField()

    @extend_schema_field(RunbookLine(many=True))
    def get_runbook(self, run: RunRow) -> list[dict[str, Any]]:
        return list(RunbookLine(access.runbook(self.context["actor"], run), many=True).data)

    @extend_schema_field(serializers.JSONField(allow_null=True))
    def get_outputs(self, run: RunRow) -> Any:
        return access.outputs(self.context["actor"], run)

    @extend_schema_field(RunCost)
    def get_cost(self, run: RunRow) -> dict[str, Any]:
        return dict(RunCost(run_cost(run.pk)).data)


class Trigger(serializers.Serializer[Any]):
    """`trigger`: the event as JSON without fractions."""

    trigger = serializers.DictField(default=dict)

    def validate_trigger(self, value: dict[str, Any]) -> dict[str, Any]:
        try:
            canonical(value)
        except ValueError as error:
            raise serializers.ValidationError(str(error)) from error
        return value


class StartBody(Trigger):
    """`workspace`: its slug, where you see more than one."""

    workflow = serializers.SlugField(max_length=64)
    environment = serializers.SlugField(default="prod")
    workspace = serializers.SlugField(required=False)
    priority = serializers.ChoiceField(choices=PRIORITIES, required=False, help_text="Else as the workflow says")


class SettleBody(ReasonBody):
    answer = serializers.ChoiceField(choices=list(services.ANSWERS))


class RetryBody(serializers.Serializer[Any]):
    """`from_step`: what this step and those after it do, and whatever was taken back, is done anew."""

    from_step = serializers.SlugField(max_length=48, required=False)


class OutcomeBody(serializers.Serializer[Any]):
    """What a person found at the target of a call whose outcome nobody knows."""

    step = serializers.SlugField(max_length=48)
    answer = serializers.ChoiceField(choices=OUTCOMES)


def run_of(run: RunRow) -> dict[str, Any]:
    return dict(Run(run).data)


@transaction.atomic(durable=True)
def start(
    *,
    workflow: str,
    environment_id: UUID,
    trigger: dict[str, Any],
    key: str,
    actor: Actor,
    priority: Priority | None = None,
) -> RunRow:
    """A run started by its caller; the key of the request is also the key of the run."""
    return services.start_run(
        workflow=workflow,
        environment_id=environment_id,
        trigger=trigger,
        starter=actor,
        key=key,
        priority=priority,
    )


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
        return Response(paging.envelope(rows, page, run_of))

    @extend_schema(operation_id="runs_start", request=StartBody, responses={201: Run})
    def post(self, request: Request) -> Response:
        """Start the newest version. The same `Idempotency-Key`, or an open run of the same ticket: the same run."""
        body = StartBody(data=request.data)
        body.is_valid(raise_exception=True)
        wanted = body.validated_data
        place = naming.environment(self.actor, wanted["environment"], wanted.get("workspace"))
        return idempotency.once(
            request,
            actor=self.actor,
            verb=start,
            render=run_of,
            status=201,
            workflow=wanted["workflow"],
            environment_id=place.pk,
            trigger=wanted["trigger"],
            priority=Priority[wanted["priority"].upper()] if "priority" in wanted else None,
            key=request.headers.get(idempotency.HEADER) or str(ids.uuid7()),
        )


class RunOne(ApiView):
    @extend_schema(operation_id="runs_show", responses=RunDetail)
    def get(self, request: Request, run_id: UUID) -> Response:
        run = access.access_run(self.actor, run_id)
        return Response(RunDetail(run, context={"actor": self.actor}).data)


class RunVerb(ApiView):
    """A verb on a run that the actor sees, answered with the run as it is after it."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """A run that is not theirs to see is not there, before anything else is said."""
        super().initial(request, *args, **kwargs)
        self.seen(kwargs["run_id"])

    @transaction.atomic
    def seen(self, run_id: UUID) -> dict[str, Any]:
        return run_of(access.access_run(self.actor, run_id))

    def told(self, request: Request, verb: Callable[..., None], run_id: UUID, **arguments: Any) -> Response:
        return idempotency.once(
            request,
            actor=self.actor,
            verb=verb,
            render=lambda _: self.seen(run_id),
            run_id=run_id,
            **arguments,
        )


class RunCancel(RunVerb):
    @extend_schema(operation_id="runs_cancel", request=ReasonBody, responses=Run)
    def post(self, request: Request, run_id: UUID) -> Response:
        """Stop it; what it wrote is taken back."""
        body = ReasonBody(data=request.data)
        body.is_valid(raise_exception=True)
        return self.told(request, services.cancel, run_id, **body.validated_data)


class RunPause(RunVerb):
    @extend_schema(operation_id="runs_pause", request=ReasonBody, responses=Run)
    def post(self, request: Request, run_id: UUID) -> Response:
        """Hold it and its sub-runs up at the next step; a call that is under way is settled. Deadlines go on."""
        body = ReasonBody(data=request.data)
        body.is_valid(raise_exception=True)
        return self.told(request, services.pause, run_id, **body.validated_data)


class RunResume(RunVerb):
    @extend_schema(operation_id="runs_resume", request=None, responses=Run)
    def post(self, request: Request, run_id: UUID) -> Response:
        """Let a paused run and its sub-runs go on."""
        return self.told(request, services.resume, run_id)


class RunRetry(RunVerb):
    @extend_schema(operation_id="runs_retry", request=RetryBody, responses=Run)
    def post(self, request: Request, run_id: UUID) -> Response:
        """Try now what waits for a later time. With `from_step`: a second attempt at a run that is over, as a new
        run; refused while anything that it did stands."""
        body = RetryBody(data=request.data)
        body.is_valid(raise_exception=True)
        step = body.validated_data.get("from_step")
        if step is None:
            return self.told(request, services.retry, run_id)
        return idempotency.once(
            request, actor=self.actor, verb=services.retry_from, render=run_of, run_id=run_id, step=step
        )


class RunSettle(RunVerb):
    @extend_schema(operation_id="runs_settle", request=SettleBody, responses=Run)
    def post(self, request: Request, run_id: UUID) -> Response:
        """A person has looked at a run that needed attention, and says how it ends."""
        body = SettleBody(data=request.data)
        body.is_valid(raise_exception=True)
        return self.told(request, services.settle_by_person, run_id, **body.validated_data)


class RunOutcome(RunVerb):
    @extend_schema(operation_id="runs_outcome", request=OutcomeBody, responses=Run)
    def post(self, request: Request, run_id: UUID) -> Response:
        """Say what became of a call that no probe could tell. Done once: a second answer is refused."""
        body = OutcomeBody(data=request.data)
        body.is_valid(raise_exception=True)
        answer = Answer(body.validated_data["answer"])
        services.resolve_unknown(run_id=run_id, step=body.validated_data["step"], answer=answer, actor=self.actor)
        return Response(self.seen(run_id))


def _states(wanted: list[str]) -> list[str]:
    unknown = sorted(set(wanted) - set(STATES))
    if unknown:
        raise Invalid(f"no such state: {', '.join(unknown)}", field="state")
    return wanted
