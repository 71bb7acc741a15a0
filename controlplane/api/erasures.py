"""Erasure, legal hold and retention over the API: what becomes of the content behind the record."""

from typing import Any
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.api import idempotency
from evidence import erasing as record
from tenants.http import ApiView
from workflows import erasing


class ErasureWanted(serializers.Serializer[Any]):
    """`texts`: a name, an address, an id of the person; `tickets`: numbers of theirs. `preview`: only look."""

    texts = serializers.ListField(child=serializers.CharField(max_length=200), max_length=20, default=list)
    tickets = serializers.ListField(child=serializers.CharField(max_length=64), max_length=200, default=list)
    reason = serializers.CharField(max_length=500)
    preview = serializers.BooleanField(default=False)


class Erased(serializers.Serializer[Any]):
    runs = serializers.ListField(child=serializers.UUIDField())
    contents = serializers.IntegerField(help_text="Contents of the record that hold one of the texts")
    payloads = serializers.IntegerField(help_text="Payloads that hold one of the texts")
    erased = serializers.BooleanField()


class HoldReason(serializers.Serializer[Any]):
    reason = serializers.CharField(max_length=500)


class RunHeld(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    run_id = serializers.UUIDField()
    reason = serializers.CharField()
    created_at = serializers.DateTimeField()


class ContentKept(serializers.Serializer[Any]):
    content_days = serializers.IntegerField(min_value=14, max_value=30)
    audit_days = serializers.IntegerField(min_value=record.SHORTEST_AUDIT_DAYS, max_value=36_500)


class Erasures(ApiView):
    @extend_schema(operation_id="erasures", request=ErasureWanted, responses=Erased)
    def post(self, request: Request) -> Response:
        """Erase a person: every kept content that holds the texts, and all that is kept of those runs."""
        body = ErasureWanted(data=request.data)
        body.is_valid(raise_exception=True)
        wanted = dict(body.validated_data)
        if preview := wanted.pop("preview"):
            wanted.pop("reason")
            found = erasing.search(**wanted, actor=self.actor)
        else:
            found = erasing.erase(**wanted, actor=self.actor)
        told = {"runs": sorted(found.runs), "contents": found.contents, "payloads": len(found.payloads)}
        return Response(Erased({**told, "erased": not preview}).data)


class RunHold(ApiView):
    @extend_schema(operation_id="runs_hold", request=HoldReason, responses=RunHeld)
    def post(self, request: Request, run_id: UUID) -> Response:
        """Keep what is kept of a run, whatever its time, until the hold is released."""
        body = HoldReason(data=request.data)
        body.is_valid(raise_exception=True)
        return idempotency.once(
            request, actor=self.actor, verb=record.hold, render=_held, run_id=run_id, **body.validated_data
        )


class RunRelease(ApiView):
    @extend_schema(operation_id="runs_release_hold", request=None, responses=OpenApiTypes.OBJECT)
    def post(self, request: Request, run_id: UUID) -> Response:
        """End the legal hold of a run."""
        return idempotency.once(request, actor=self.actor, verb=record.release, render=_nothing, run_id=run_id)


class Retention(ApiView):
    @extend_schema(operation_id="retention", responses=ContentKept)
    def get(self, request: Request) -> Response:
        """For how many days content and the record itself are kept."""
        return Response(ContentKept(record.retention_of(self.actor)).data)

    @extend_schema(operation_id="retention_set", request=ContentKept, responses=ContentKept)
    def post(self, request: Request) -> Response:
        body = ContentKept(data=request.data)
        body.is_valid(raise_exception=True)
        return idempotency.once(
            request, actor=self.actor, verb=record.set_retention, render=_kept, **body.validated_data
        )


def _held(hold: Any) -> Any:
    return RunHeld(hold).data


def _kept(row: Any) -> Any:
    return ContentKept(row).data


def _nothing(_: None) -> dict[str, Any]:
    return {}
