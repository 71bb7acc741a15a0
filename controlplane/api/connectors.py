"""Connector instances with their health, and single calls."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from connectors import access
from connectors.calls import CallState
from connectors.circuits import CircuitState
from controlplane.api import paging
from tenants.http import ApiView
from workflows import access as runs

CALL_STATES = [state.value for state in CallState]
CIRCUIT_STATES = [state.value for state in CircuitState]
HEALTH_STATES = ["OFF", "UNSEEN", "HEALTHY", "DEGRADED", "DOWN"]


class Circuit(serializers.Serializer[Any]):
    """The circuit breaker: while it is not closed, calls are held with the code `circuit_open`."""

    state = serializers.ChoiceField(choices=CIRCUIT_STATES)
    failures = serializers.IntegerField(help_text="Calls in a row that failed without an answer")
    code = serializers.CharField(help_text="Of the last failure")
    opened_at = serializers.DateTimeField(allow_null=True)
    next_try_at = serializers.DateTimeField(allow_null=True)
    next_undo_at = serializers.DateTimeField(allow_null=True)


class Connector(serializers.Serializer[Any]):
    """Judged by the calls of the last hour; UNSEEN is not the same as healthy."""

    id = serializers.UUIDField(source="instance.id")
    name = serializers.CharField(source="instance.name")
    driver = serializers.CharField(source="instance.driver")
    version = serializers.CharField(source="instance.manifest_version")
    manifest_digest = serializers.CharField(source="instance.manifest_digest")
    base_url = serializers.CharField(source="instance.base_url")
    state = serializers.ChoiceField(choices=HEALTH_STATES)
    calls = serializers.IntegerField()
    failed = serializers.IntegerField()
    last_good_at = serializers.DateTimeField(allow_null=True)
    max_in_flight = serializers.IntegerField(source="instance.max_in_flight", allow_null=True)
    circuit = Circuit()


class Call(serializers.Serializer[Any]):
    """One action through the gateway. Digests name content; `request_id` is the approval it waits for."""

    id = serializers.UUIDField()
    run = serializers.UUIDField(source="run_id")
    step = serializers.CharField(source="step_id")
    lane = serializers.CharField()
    tool = serializers.CharField()
    tool_version = serializers.CharField()
    connector = serializers.CharField(source="instance.name")
    kind = serializers.CharField()
    risk = serializers.CharField()
    reversibility = serializers.CharField()
    target = serializers.CharField()
    state = serializers.ChoiceField(choices=CALL_STATES)
    code = serializers.CharField()
    detail = serializers.CharField()
    label = serializers.CharField(help_text="How an undo left the target")  # type: ignore[assignment]
    action_digest = serializers.CharField()
    before_digest = serializers.CharField()
    after_digest = serializers.CharField()
    output_digest = serializers.CharField()
    decision_id = serializers.UUIDField(allow_null=True)
    request_id = serializers.UUIDField(allow_null=True)
    compensates = serializers.UUIDField(source="compensates_id", allow_null=True)
    attempts = serializers.IntegerField()
    estimate_micros = serializers.IntegerField()
    retry_at = serializers.DateTimeField(allow_null=True)
    dispatched_at = serializers.DateTimeField(allow_null=True)
    settled_at = serializers.DateTimeField(allow_null=True)


class Connectors(ApiView):
    @extend_schema(operation_id="connectors_list", responses=paging.page_of(Connector))
    def get(self, request: Request) -> Response:
        return Response({"results": Connector(access.health(self.actor), many=True).data, "next_cursor": None})


class CallOne(ApiView):
    @extend_schema(operation_id="calls_show", responses=Call)
    def get(self, request: Request, call_id: UUID) -> Response:
        return Response(Call(access.call(self.actor, call_id)).data)


class RunCalls(ApiView):
    @extend_schema(operation_id="runs_calls", responses=paging.page_of(Call))
    def get(self, request: Request, run_id: UUID) -> Response:
        """In the order in which they were proposed."""
        rows = access.calls_of_run(self.actor, runs.access_run(self.actor, run_id).pk)
        return Response({"results": Call(rows, many=True).data, "next_cursor": None})
