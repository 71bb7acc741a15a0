"""The kill switch over the API: engage at once, release by two people."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.api import idempotency
from tenants import halts
from tenants.http import ApiView
from tenants.models import Halt as HaltRow
from tenants.permissions import Perm, require

KINDS = [kind.value for kind in halts.Kind]


class EngageBody(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=KINDS)
    value = serializers.CharField(max_length=160, allow_blank=True, default="")
    mode = serializers.ChoiceField(choices=HaltRow.Mode.choices)
    reason = serializers.CharField(max_length=500)


class ReasonBody(serializers.Serializer[Any]):
    reason = serializers.CharField(max_length=500)


class Halt(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    kind = serializers.CharField()
    value = serializers.CharField()
    mode = serializers.CharField()
    state = serializers.CharField()
    reason = serializers.CharField()
    engaged_by = serializers.CharField(source="engaged_by_label")
    engaged_at = serializers.DateTimeField()
    confirmed_at = serializers.DateTimeField(allow_null=True)
    confirmed_after_ms = serializers.IntegerField(allow_null=True)
    trigger = serializers.UUIDField(source="trigger_id", allow_null=True)
    release_requested_at = serializers.DateTimeField(allow_null=True)
    released_at = serializers.DateTimeField(allow_null=True)


def halt_of(row: HaltRow) -> dict[str, Any]:
    shown: dict[str, Any] = Halt(row).data
    return dict(shown)


class Halts(ApiView):
    @extend_schema(operation_id="halts_list", responses=Halt(many=True))
    def get(self, request: Request) -> Response:
        """In force first; `?all=1` for the history."""
        require(self.actor, Perm.VIEW)
        rows = halts.history() if request.query_params.get("all") == "1" else halts.every_active()
        return Response({"results": [halt_of(row) for row in rows], "next_cursor": None})

    @extend_schema(operation_id="halts_engage", request=EngageBody, responses={201: Halt})
    def post(self, request: Request) -> Response:
        body = EngageBody(data=request.data)
        body.is_valid(raise_exception=True)
        wanted = body.validated_data
        return idempotency.once(
            request,
            actor=self.actor,
            verb=halts.engage,
            render=halt_of,
            status=201,
            scope=halts.Scope(halts.Kind(wanted["kind"]), wanted["value"]),
            mode=wanted["mode"],
            reason=wanted["reason"],
        )


class ReleaseRequest(ApiView):
    @extend_schema(operation_id="halts_request_release", request=ReasonBody, responses=Halt)
    def post(self, request: Request, halt_id: UUID) -> Response:
        body = ReasonBody(data=request.data)
        body.is_valid(raise_exception=True)
        return idempotency.once(
            request,
            actor=self.actor,
            verb=halts.request_release,
            render=halt_of,
            halt_id=halt_id,
            reason=body.validated_data["reason"],
        )


class Release(ApiView):
    @extend_schema(operation_id="halts_release", request=None, responses=Halt)
    def post(self, request: Request, halt_id: UUID) -> Response:
        return idempotency.once(request, actor=self.actor, verb=halts.release, render=halt_of, halt_id=halt_id)
