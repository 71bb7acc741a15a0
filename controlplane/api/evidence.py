"""Evidence over the API: what happened in a run, its bundle, the heads of the logs, the trust file."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from approvals import access as approvals
from controlplane.api import paging
from controlplane.lib.errors import Invalid
from evidence import access, exports, services
from evidence.searching import Wanted
from tenants.http import ApiView
from workflows.access import search_evidence

LARGEST = 200


class RunEvent(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    seq = serializers.IntegerField()
    type = serializers.CharField()
    at = serializers.DateTimeField()
    actor = serializers.CharField()
    actor_kind = serializers.CharField()
    actor_id = serializers.UUIDField()
    title = serializers.CharField()
    summary = serializers.CharField(allow_blank=True)
    leaf = serializers.IntegerField(allow_null=True)
    data = serializers.JSONField()  # type: ignore[assignment]  # the member is called so


class FoundEvent(RunEvent):
    seq = serializers.IntegerField(help_text="Place in its run; 0 for what belongs to no run")
    run = serializers.UUIDField(allow_null=True)
    log = serializers.CharField()
    sealed = serializers.BooleanField(help_text="A signed head covers it")


SEARCH = [
    OpenApiParameter("ticket", str, description="Of runs about this ticket"),
    OpenApiParameter("run", OpenApiTypes.UUID, description="Of this run"),
    OpenApiParameter("actor", str, description="Done by this person (id or name), service, agent or part (id)"),
    OpenApiParameter("log", OpenApiTypes.UUID, description="In this log"),
    OpenApiParameter("since", OpenApiTypes.DATETIME, description="Not before this time"),
    OpenApiParameter("until", OpenApiTypes.DATETIME, description="Before this time"),
]


class Log(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    label = serializers.CharField()  # type: ignore[assignment]  # the member is called so
    origin = serializers.CharField()
    size = serializers.IntegerField()
    signed_size = serializers.IntegerField()
    sealed_at = serializers.DateTimeField(allow_null=True)
    note = serializers.CharField(allow_blank=True)
    frozen_reason = serializers.CharField(allow_blank=True)


class RunEvents(ApiView):
    @extend_schema(operation_id="runs_events", responses=RunEvent(many=True))
    def get(self, request: Request, run_id: UUID) -> Response:
        """Oldest first; `?after=<seq>` for the next page, `next_after` says where it begins."""
        found = access.run_events(self.actor, run_id, after=_number(request, "after", 0), limit=LARGEST)
        following = found[-1]["seq"] if len(found) == LARGEST else None
        return Response({"results": RunEvent(found, many=True).data, "next_after": following})


@dataclass(frozen=True)
class _Row:
    """An event in a page: the cursor goes by its id."""

    id: UUID
    line: dict[str, Any]


class Events(ApiView):
    @extend_schema(
        operation_id="events_list", parameters=[*SEARCH, *paging.PARAMETERS], responses=paging.page_of(FoundEvent)
    )
    def get(self, request: Request) -> Response:
        """What is on record, newest first. The same search as in the console: every filter narrows."""
        page, wanted = paging.asked(request), Wanted.read(dict(request.query_params.lists()))
        found = search_evidence(self.actor, wanted=wanted, before=page.before, limit=page.limit + 1)
        rows = [_Row(*one) for one in found]
        return Response(paging.envelope(rows, page, lambda row: FoundEvent(row.line).data))


class RunBundle(ApiView):
    reads_in_transaction = False

    @extend_schema(operation_id="runs_evidence", responses={(200, "application/zip"): OpenApiTypes.BINARY})
    def get(self, request: Request, run_id: UUID) -> HttpResponse:
        """The bundle of a run. `?known=<size>` proves that it extends a head remembered from before."""
        known = _number(request, "known", 0)
        bundle = services.export_run(run_id=run_id, actor=self.actor, known_sizes=[known])
        return _download(bundle, str(run_id))


class ApprovalBundle(ApiView):
    reads_in_transaction = False

    @extend_schema(operation_id="approvals_evidence", responses={(200, "application/zip"): OpenApiTypes.BINARY})
    def get(self, request: Request, request_id: UUID) -> HttpResponse:
        """The bundle of an approval: its run up to the last word about it. `?known=<size>` as for a run."""
        with transaction.atomic():
            run_id = approvals.access_request(self.actor, request_id).request.run_id
        known = [_number(request, "known", 0)]
        bundle = exports.export_approval(run_id=run_id, request_id=request_id, actor=self.actor, known_sizes=known)
        return _download(bundle, f"approval-{request_id}")


class PeriodBundle(ApiView):
    reads_in_transaction = False

    @extend_schema(operation_id="logs_evidence", responses={(200, "application/zip"): OpenApiTypes.BINARY})
    def get(self, request: Request, log_id: UUID) -> HttpResponse:
        """All events of a log in a period, complete by proof; `?since=` and `?until=` are times."""
        since, until = _moment(request, "since"), _moment(request, "until")
        known = [_number(request, "known", 0)]
        bundle = exports.export_period(log_id=log_id, actor=self.actor, since=since, until=until, known_sizes=known)
        return _download(bundle, f"period-{log_id}")


class Logs(ApiView):
    @extend_schema(operation_id="logs_list", responses=Log(many=True))
    def get(self, request: Request) -> Response:
        """The logs you may see, each with its newest signed head: keep one, and the past is pinned."""
        return Response({"results": Log(access.logs(self.actor), many=True).data, "next_cursor": None})


class TrustFile(ApiView):
    @extend_schema(operation_id="trust", responses={200: OpenApiResponse(OpenApiTypes.OBJECT)})
    def get(self, request: Request) -> Response:
        """What a bundle is checked against. Keep it away from the platform, and before the first run."""
        return Response(access.trust_file(self.actor))


def _download(bundle: bytes, name: str) -> HttpResponse:
    headers = {"Content-Disposition": f'attachment; filename="{name}.evb"'}
    return HttpResponse(bundle, content_type="application/zip", headers=headers)


def _moment(request: Request, name: str) -> datetime | None:
    raw = request.query_params.get(name)
    if raw is None:
        return None
    try:
        moment = datetime.fromisoformat(raw)
    except ValueError as error:
        raise Invalid(f"{name} is a time such as 2026-11-21T00:00:00Z", field=name) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _number(request: Request, name: str, default: int) -> int:
    raw = request.query_params.get(name, str(default))
    if not raw.isdecimal() or len(raw) > 15:
        raise Invalid(f"{name} is a whole number", field=name)
    return int(raw)
