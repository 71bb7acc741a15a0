"""Exports as jobs: ask for a bundle, see how far it is, fetch it."""

import json
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.api import idempotency, paging
from controlplane.lib.errors import Invalid
from evidence import access, jobs, streaming
from evidence.verify.encoding import b64
from tenants.http import ApiView


class Subject(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=[jobs.RUN, jobs.APPROVAL, jobs.PERIOD])
    log_id = serializers.UUIDField(required=False, help_text="Of a period")
    run_id = serializers.UUIDField(required=False, help_text="Of a run, and of an approval in it")
    request_id = serializers.UUIDField(required=False, help_text="Of an approval")
    since = serializers.DateTimeField(required=False, help_text="A period begins at the head signed before")
    until = serializers.DateTimeField(required=False, help_text="A period ends at the head signed at or after")


class ExportJob(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    kind = serializers.CharField()
    log_id = serializers.UUIDField()
    run_id = serializers.UUIDField(allow_null=True)
    request_id = serializers.UUIDField(allow_null=True)
    since = serializers.DateTimeField(allow_null=True)
    until = serializers.DateTimeField(allow_null=True)
    state = serializers.ChoiceField(choices=[jobs.QUEUED, jobs.RUNNING, jobs.DONE, jobs.FAILED])
    done = serializers.IntegerField()
    total = serializers.IntegerField()
    size = serializers.IntegerField()
    problem = serializers.CharField(allow_blank=True)
    actor_id = serializers.UUIDField()
    actor_label = serializers.CharField()
    created_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)


class Exports(ApiView):
    @extend_schema(operation_id="exports_list", parameters=paging.PARAMETERS, responses=paging.page_of(ExportJob))
    def get(self, request: Request) -> Response:
        """Newest first."""
        page = paging.asked(request)
        rows = access.export_jobs(self.actor, before=page.before, limit=page.limit + 1)
        return Response(paging.envelope(rows, page, lambda row: ExportJob(row).data))

    @extend_schema(operation_id="exports_request", request=Subject, responses={202: ExportJob})
    def post(self, request: Request) -> Response:
        """Have a bundle made; ask for it under the id of the job."""
        asked = Subject(data=request.data)
        asked.is_valid(raise_exception=True)
        return idempotency.once(
            request,
            actor=self.actor,
            verb=jobs.request,
            render=lambda row: ExportJob(row).data,
            status=202,
            **asked.validated_data,
        )


class ExportOne(ApiView):
    @extend_schema(operation_id="exports_show", responses=ExportJob)
    def get(self, request: Request, job_id: UUID) -> Response:
        """How far it is: `done` of `total` events are under a signed head."""
        return Response(ExportJob(access.export_job(self.actor, job_id)).data)


class LogStream(ApiView):
    @extend_schema(
        operation_id="logs_stream",
        parameters=[
            OpenApiParameter("from", int, description="Index of the leaf to begin with; 0 when left out"),
            OpenApiParameter("limit", int, description=f"Events per batch, up to {streaming.LARGEST}"),
            OpenApiParameter("view", str, enum=list(streaming.FORMS), description="cloudevents when left out"),
        ],
        responses={(200, "application/cloudevents-batch+json"): OpenApiTypes.OBJECT},
    )
    def get(self, request: Request, log_id: UUID) -> HttpResponse:
        """Sealed events in order. `Interlock-Next` says what to ask for next: the same again when nothing is new."""
        form = request.query_params.get("view", "cloudevents")
        if form not in streaming.FORMS:
            raise Invalid(f"view is one of {', '.join(streaming.FORMS)}", field="view")
        begin, limit = _number(request, "from", 0, 2**53), _number(request, "limit", 100, streaming.LARGEST)
        found = streaming.batch(self.actor, log_id=log_id, begin=begin, limit=limit, form=form)
        headers = {"Interlock-Next": str(found.next), "Interlock-Checkpoint": b64(found.note.encode())}
        content = json.dumps(found.events, ensure_ascii=False, separators=(",", ":"))
        return HttpResponse(content, content_type=streaming.MEDIA_TYPES[form], headers=headers)


def _number(request: Request, name: str, default: int, most: int) -> int:
    raw = request.query_params.get(name, str(default))
    if not raw.isdecimal() or len(raw) > 16 or int(raw) > most:
        raise Invalid(f"{name} is a whole number up to {most}", field=name)
    return int(raw)


class ExportBundle(ApiView):
    reads_in_transaction = False

    @extend_schema(operation_id="exports_bundle", responses={(200, "application/zip"): OpenApiTypes.BINARY})
    def get(self, request: Request, job_id: UUID) -> HttpResponse:
        """The bundle, once the job is DONE; that it was handed out goes on record."""
        name, content = jobs.fetch(job_id=job_id, actor=self.actor)
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return HttpResponse(content, content_type="application/zip", headers=headers)
