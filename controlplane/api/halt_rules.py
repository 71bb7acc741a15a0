"""What proves and what moves the kill switch by itself: drills and triggers."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from connectors import drills
from controlplane.api import idempotency, naming
from tenants import triggers
from tenants.http import ApiView
from tenants.models import Halt as HaltRow
from tenants.models import HaltDrill as DrillRow
from tenants.models import HaltTrigger as TriggerRow
from tenants.permissions import Perm, require

TRIGGER_KINDS = [kind.value for kind in TriggerRow.Kind]


class DrillBody(serializers.Serializer[Any]):
    environment = serializers.SlugField(max_length=16)
    workspace = serializers.SlugField(max_length=64, required=False)


class Drill(serializers.Serializer[Any]):
    """Times in milliseconds after `started_at`."""

    id = serializers.UUIDField()
    environment = serializers.CharField(source="environment.slug")
    passed = serializers.BooleanField()
    started_by = serializers.CharField(source="started_by_label")
    started_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)
    engaged_ms = serializers.IntegerField(allow_null=True)
    confirmed_ms = serializers.IntegerField(allow_null=True)
    refused_ms = serializers.IntegerField(allow_null=True)
    refused_as = serializers.CharField()
    released_ms = serializers.IntegerField(allow_null=True)
    resumed_ms = serializers.IntegerField(allow_null=True)
    resumed_as = serializers.CharField()
    detail = serializers.CharField()


class Drills(serializers.Serializer[Any]):
    results = Drill(many=True)


class TriggerBody(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=TRIGGER_KINDS)
    watch_kind = serializers.CharField(max_length=16, allow_blank=True, default="")
    watch_value = serializers.CharField(max_length=160, allow_blank=True, default="")
    threshold = serializers.IntegerField(min_value=1, default=1)
    window_s = serializers.IntegerField(min_value=10, default=300)
    minimum = serializers.IntegerField(min_value=1, default=1)
    reach = serializers.ChoiceField(choices=TriggerRow.Reach.choices, default=TriggerRow.Reach.MEASURED)
    mode = serializers.ChoiceField(choices=HaltRow.Mode.choices, default=HaltRow.Mode.FREEZE)
    enabled = serializers.BooleanField(default=True)


class NamedTriggerBody(TriggerBody):
    name = serializers.SlugField(max_length=48)


class Trigger(NamedTriggerBody):
    id = serializers.UUIDField()
    set_by = serializers.CharField(source="set_by_label")
    set_at = serializers.DateTimeField()


class Triggers(serializers.Serializer[Any]):
    results = Trigger(many=True)


def drill_of(row: DrillRow) -> dict[str, Any]:
    shown: dict[str, Any] = Drill(row).data
    return dict(shown)


def trigger_of(row: TriggerRow) -> dict[str, Any]:
    shown: dict[str, Any] = Trigger(row).data
    return dict(shown)


class HaltDrills(ApiView):
    @extend_schema(operation_id="halt_drills_list", responses=Drills)
    def get(self, request: Request) -> Response:
        """Rehearsals, newest first: what they proved, and when."""
        require(self.actor, Perm.VIEW)
        return Response({"results": [drill_of(row) for row in drills.latest()]})

    @extend_schema(operation_id="halt_drills_rehearse", request=DrillBody, responses={201: Drill})
    def post(self, request: Request) -> Response:
        """Engage on a workflow of the drill alone, be refused, release, pass. Stops nothing real."""
        body = DrillBody(data=request.data)
        body.is_valid(raise_exception=True)
        wanted = body.validated_data
        place = naming.environment(self.actor, wanted["environment"], wanted.get("workspace"))
        return Response(drill_of(drills.rehearse(environment_id=place.pk, actor=self.actor)), status=201)


class HaltTriggers(ApiView):
    @extend_schema(operation_id="halt_triggers_list", responses=Triggers)
    def get(self, request: Request) -> Response:
        """The rules by which the kill switch engages itself."""
        require(self.actor, Perm.VIEW)
        return Response({"results": [trigger_of(row) for row in triggers.every()]})

    @extend_schema(operation_id="halt_triggers_set", request=NamedTriggerBody, responses=Trigger)
    def post(self, request: Request) -> Response:
        """Makes the rule of this name, or changes it."""
        body = NamedTriggerBody(data=request.data)
        body.is_valid(raise_exception=True)
        wanted = dict(body.validated_data)
        name = wanted.pop("name")
        return idempotency.once(
            request,
            actor=self.actor,
            verb=triggers.set_trigger,
            render=trigger_of,
            name=name,
            rule=triggers.Rule(**wanted),
        )


class HaltTriggerSwitch(ApiView):
    enabled = True

    def switched(self, request: Request, trigger_id: UUID) -> Response:
        return idempotency.once(
            request,
            actor=self.actor,
            verb=triggers.switch,
            render=trigger_of,
            trigger_id=trigger_id,
            enabled=self.enabled,
        )


class HaltTriggerOn(HaltTriggerSwitch):
    @extend_schema(operation_id="halt_triggers_on", request=None, responses=Trigger)
    def post(self, request: Request, trigger_id: UUID) -> Response:
        return self.switched(request, trigger_id)


class HaltTriggerOff(HaltTriggerSwitch):
    enabled = False

    @extend_schema(operation_id="halt_triggers_off", request=None, responses=Trigger)
    def post(self, request: Request, trigger_id: UUID) -> Response:
        return self.switched(request, trigger_id)
