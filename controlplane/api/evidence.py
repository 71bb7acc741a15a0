"""Evidence over the API: what happened in a run, its bundle, the heads of the logs, the trust file."""

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.lib.errors import Invalid
from evidence import access, services
from tenants.http import ApiView

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


class RunBundle(ApiView):
    reads_in_transaction = False

    @extend_schema(operation_id="runs_evidence", responses={(200, "application/zip"): OpenApiTypes.BINARY})
    def get(self, request: Request, run_id: UUID) -> HttpResponse:
        """The bundle of a run. `?known=<size>` proves that it extends a head remembered from before."""
        known = _number(request, "known", 0)
        bundle = services.export_run(run_id=run_id, actor=self.actor, known_sizes=[known])
        headers = {"Content-Disposition": f'attachment; filename="{run_id}.evb"'}
        return HttpResponse(bundle, content_type="application/zip", headers=headers)


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


def _number(request: Request, name: str, default: int) -> int:
    raw = request.query_params.get(name, str(default))
    if not raw.isdecimal() or len(raw) > 15:
        raise Invalid(f"{name} is a whole number", field=name)
    return int(raw)
