"""Work that was given up, and its way back: one at a time, or a whole cause as a bounded job."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.api import idempotency, paging
from controlplane.api.halts import ReasonBody
from controlplane.api.runs import Run, run_of
from controlplane.lib.errors import Invalid
from tenants.http import ApiView
from workflows import access, letters
from workflows.models import DeadLetter as LetterRow
from workflows.types import DeadLetterState

STATES = [state.value for state in DeadLetterState]
FILTERS = [
    OpenApiParameter("state", str, enum=STATES, description="OPEN when left out"),
    OpenApiParameter("connector", str, description="the instance; empty for faults of the run itself"),
    OpenApiParameter("tool", str),
    OpenApiParameter("code", str),
]


class DeadLetter(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    run = serializers.UUIDField(source="run_id")
    workflow = serializers.CharField(source="run.workflow_name")
    ticket = serializers.CharField(source="run.ticket_number")
    step = serializers.CharField(source="step_key")
    connector = serializers.CharField()
    tool = serializers.CharField()
    code = serializers.CharField()
    detail = serializers.CharField()
    attempts = serializers.IntegerField()
    state = serializers.CharField()
    redriven_run = serializers.UUIDField(source="redriven_run_id", allow_null=True)
    dismissed_by = serializers.CharField()
    dismissed_at = serializers.DateTimeField(allow_null=True)
    dismiss_reason = serializers.CharField()
    created_at = serializers.DateTimeField()


class LetterGroup(serializers.Serializer[Any]):
    workspace = serializers.CharField()
    workspace_id = serializers.UUIDField()
    connector = serializers.CharField()
    tool = serializers.CharField()
    code = serializers.CharField()
    count = serializers.IntegerField()
    oldest_at = serializers.DateTimeField()
    newest_at = serializers.DateTimeField()


class LetterGroups(serializers.Serializer[Any]):
    results = LetterGroup(many=True)


def letter_of(row: LetterRow) -> dict[str, Any]:
    shown: dict[str, Any] = DeadLetter(row).data
    return dict(shown)


class DeadLetters(ApiView):
    @extend_schema(
        operation_id="dead_letters_list",
        parameters=[*paging.PARAMETERS, *FILTERS],
        responses=paging.page_of(DeadLetter),
    )
    def get(self, request: Request) -> Response:
        """What waits for a person, newest first; `?state=DISMISSED` for what was put aside."""
        page, asked = paging.asked(request), request.query_params
        rows = access.dead_letters(
            self.actor,
            state=_state(request),
            connector=asked.get("connector"),
            tool=asked.get("tool"),
            code=asked.get("code"),
            before=page.before,
            limit=page.limit + 1,
        )
        return Response(paging.envelope(rows, page, letter_of))


class Groups(ApiView):
    @extend_schema(operation_id="dead_letters_groups", responses=LetterGroups)
    def get(self, request: Request) -> Response:
        """Open dead letters by connector, tool and cause, the largest group first."""
        return Response({"results": LetterGroup(access.letter_groups(self.actor), many=True).data})


class Redrive(ApiView):
    @extend_schema(operation_id="dead_letters_redrive", request=None, responses={201: Run})
    def post(self, request: Request, letter_id: UUID) -> Response:
        """A new run with the same trigger, on the newest version; every call is decided anew."""
        return idempotency.once(
            request, actor=self.actor, verb=letters.redrive, render=run_of, status=201, dead_letter_id=letter_id
        )


class Dismiss(ApiView):
    @extend_schema(operation_id="dead_letters_dismiss", request=ReasonBody, responses=DeadLetter)
    def post(self, request: Request, letter_id: UUID) -> Response:
        """Nobody needs it done any more. It stays, and can be opened again."""
        return self._with_reason(request, letters.dismiss, letter_id)

    def _with_reason(self, request: Request, verb: Any, letter_id: UUID) -> Response:
        body = ReasonBody(data=request.data)
        body.is_valid(raise_exception=True)
        reason = body.validated_data["reason"]
        return idempotency.once(
            request, actor=self.actor, verb=verb, render=letter_of, dead_letter_id=letter_id, reason=reason
        )


class Reopen(Dismiss):
    @extend_schema(operation_id="dead_letters_reopen", request=ReasonBody, responses=DeadLetter)
    def post(self, request: Request, letter_id: UUID) -> Response:
        """What was dismissed waits for a person again."""
        return self._with_reason(request, letters.reopen, letter_id)


def _state(request: Request) -> str:
    state = request.query_params.get("state", DeadLetterState.OPEN.value)
    if state not in STATES:
        raise Invalid(f"state is one of {', '.join(STATES)}", field="state")
    return state
