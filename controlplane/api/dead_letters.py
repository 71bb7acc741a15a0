"""Work that was given up, and its way back."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.api import idempotency, paging
from controlplane.api.runs import Run, run_of
from tenants.http import ApiView
from workflows import access, services
from workflows.models import DeadLetter as LetterRow


class DeadLetter(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    run = serializers.UUIDField(source="run_id")
    workflow = serializers.CharField(source="run.workflow_name")
    ticket = serializers.CharField(source="run.ticket_number")
    step = serializers.CharField(source="step_key")
    tool = serializers.SerializerMethodField()
    code = serializers.CharField()
    detail = serializers.CharField()
    attempts = serializers.IntegerField()
    state = serializers.CharField()
    redriven_run = serializers.UUIDField(source="redriven_run_id", allow_null=True)
    created_at = serializers.DateTimeField()

    def get_tool(self, letter: LetterRow) -> str:
        return next((step.tool for step in letter.run.steps.all() if step.key == letter.step_key), "")


class DeadLetters(ApiView):
    @extend_schema(operation_id="dead_letters_list", parameters=paging.PARAMETERS, responses=paging.page_of(DeadLetter))
    def get(self, request: Request) -> Response:
        """What waits for a redrive, newest first."""
        page = paging.asked(request)
        rows = access.dead_letters(self.actor, before=page.before, limit=page.limit + 1)
        return Response(paging.envelope(rows, page, lambda row: DeadLetter(row).data))


class Redrive(ApiView):
    @extend_schema(operation_id="dead_letters_redrive", request=None, responses={201: Run})
    def post(self, request: Request, letter_id: UUID) -> Response:
        """A new run with the same trigger, on the newest version; every call is decided anew."""
        return idempotency.once(
            request, actor=self.actor, verb=services.redrive, render=run_of, status=201, dead_letter_id=letter_id
        )
