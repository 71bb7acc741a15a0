"""Simulation of a candidate policy on recorded decisions."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.api import idempotency, paging
from controlplane.lib import clock
from policies import access, simulation
from policies.types import PackSource, SimulationState
from tenants.http import ApiView

USUAL_RANGE = timedelta(days=7)
LARGEST_SOURCE = 200_000
STATES = [state.value for state in SimulationState]


class Pack(serializers.Serializer[Any]):
    source = serializers.CharField(max_length=LARGEST_SOURCE, trim_whitespace=False)  # type: ignore[assignment]
    data = serializers.DictField(required=False, default=dict)  # type: ignore[assignment]
    tests = serializers.CharField(
        max_length=LARGEST_SOURCE, required=False, allow_blank=True, default="", trim_whitespace=False
    )


class Wanted(serializers.Serializer[Any]):
    """`packs` by name; the other active packs stay. Without a range: the last seven days."""

    packs = serializers.DictField(child=Pack())
    since = serializers.DateTimeField(required=False)
    until = serializers.DateTimeField(required=False)
    most = serializers.IntegerField(required=False, default=10_000, min_value=1, max_value=simulation.MOST)


class Simulated(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    environment_id = serializers.UUIDField()
    environment = serializers.CharField(source="environment.slug")
    state = serializers.ChoiceField(choices=STATES)
    packs = serializers.JSONField()
    since = serializers.DateTimeField()
    until = serializers.DateTimeField()
    most = serializers.IntegerField()
    done = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)


class SimulatedDetail(Simulated):
    report = serializers.JSONField()
    findings = serializers.JSONField()


class PolicySimulations(ApiView):
    @extend_schema(operation_id="simulations_request", request=Wanted, responses={202: SimulatedDetail})
    def post(self, request: Request, environment_id: UUID) -> Response:
        """Weigh a candidate on recorded decisions; ask for the result under its id."""
        asked = Wanted(data=request.data)
        asked.is_valid(raise_exception=True)
        wanted, now = asked.validated_data, clock.now()
        return idempotency.once(
            request,
            actor=self.actor,
            verb=simulation.request,
            render=lambda row: SimulatedDetail(row).data,
            status=202,
            environment_id=environment_id,
            packs={name: PackSource(**pack) for name, pack in wanted["packs"].items()},
            since=wanted.get("since") or now - USUAL_RANGE,
            until=wanted.get("until") or now,
            most=wanted["most"],
        )


class Simulations(ApiView):
    @extend_schema(operation_id="simulations_list", parameters=paging.PARAMETERS, responses=paging.page_of(Simulated))
    def get(self, request: Request) -> Response:
        """Newest first."""
        page = paging.asked(request)
        rows = access.simulations(self.actor, before=page.before, limit=page.limit + 1)
        return Response(paging.envelope(rows, page, lambda row: Simulated(row).data))


class SimulationOne(ApiView):
    @extend_schema(operation_id="simulations_show", responses=SimulatedDetail)
    def get(self, request: Request, simulation_id: UUID) -> Response:
        """How far it is, and its report: what would have been decided otherwise, and by which rule."""
        return Response(SimulatedDetail(access.simulation(self.actor, simulation_id)).data)
