"""What rules in each environment, and what it decided."""

from typing import Any
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.api import paging
from policies import access
from policies.models import Activation as ActivationRow
from policies.models import Standing
from policies.searching import Wanted
from policies.types import Effect, Phase
from tenants import access as places
from tenants.http import ApiView

EFFECTS = [effect.value for effect in Effect]
PHASES = [phase.value for phase in Phase]
SEARCH = [
    OpenApiParameter("effect", str, many=True, enum=EFFECTS, description="Any of these effects"),
    OpenApiParameter("rule", str, description="A reason of this rule, such as interlock.packs.triage.write"),
    OpenApiParameter("code", str, description="A reason with this code; together with `rule`, of that rule"),
    OpenApiParameter("tool", str, description="About this tool"),
    OpenApiParameter("workflow", str, description="Within this workflow"),
    OpenApiParameter("run", OpenApiTypes.UUID, description="Of this run"),
    OpenApiParameter("environment", str, many=True, description="In any of these environments, by id or slug"),
    OpenApiParameter("actor", OpenApiTypes.UUID, description="Asked for by this person, service or agent"),
    OpenApiParameter("since", OpenApiTypes.DATETIME, description="Not before this time"),
    OpenApiParameter("until", OpenApiTypes.DATETIME, description="Before this time"),
]


class Activation(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    seq = serializers.IntegerField()
    revision = serializers.CharField(source="bundle.revision")
    sha256 = serializers.CharField(source="bundle.sha256")
    author_id = serializers.UUIDField()
    activated_by_id = serializers.UUIDField()
    activated_at = serializers.DateTimeField()
    reason = serializers.CharField()


class Policy(serializers.Serializer[Any]):
    """The bundle in force in one environment. `doubt` says why it is not believed; then everything is denied."""

    environment_id = serializers.UUIDField()
    environment = serializers.CharField(source="environment.slug")
    workspace_id = serializers.UUIDField(source="environment.workspace_id")
    seq = serializers.IntegerField()
    revision = serializers.CharField(source="activation.bundle.revision")
    sha256 = serializers.CharField(source="activation.bundle.sha256")
    packs = serializers.JSONField(source="activation.bundle.packs")
    activated_at = serializers.DateTimeField(source="activation.activated_at")
    not_after = serializers.DateTimeField()
    doubt = serializers.SerializerMethodField()

    def get_doubt(self, standing: Standing) -> str:
        return access.doubt(standing)


class Decision(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    effect = serializers.ChoiceField(choices=EFFECTS)
    action = serializers.CharField()
    phase = serializers.ChoiceField(choices=PHASES)
    tool = serializers.CharField()
    workflow = serializers.CharField()
    codes = serializers.SerializerMethodField()
    environment_id = serializers.UUIDField()
    actor_id = serializers.UUIDField()
    run = serializers.UUIDField(source="run_id", allow_null=True)
    call = serializers.UUIDField(source="call_id", allow_null=True)
    revision = serializers.CharField()
    seq = serializers.IntegerField()
    decided_at = serializers.DateTimeField()

    def get_codes(self, row: Any) -> list[str]:
        return [reason["code"] for reason in row.reasons]


class DecisionDetail(Decision):
    reasons = serializers.JSONField()
    observed = serializers.JSONField()
    obligations = serializers.JSONField()
    route = serializers.JSONField()
    retry_after_s = serializers.IntegerField()
    bundle_sha256 = serializers.CharField()
    input_digest = serializers.CharField()
    evidence_id = serializers.UUIDField()
    duration_us = serializers.IntegerField()


class Policies(ApiView):
    @extend_schema(operation_id="policies_active", responses=paging.page_of(Policy))
    def get(self, request: Request) -> Response:
        """An environment without a row has no policy: everything is denied there."""
        found = [access.active(self.actor, place.pk) for place in places.environments(self.actor)]
        return Response({"results": Policy([row for row in found if row], many=True).data, "next_cursor": None})


class Activations(ApiView):
    @extend_schema(operation_id="policies_history", responses=paging.page_of(Activation))
    def get(self, request: Request, environment_id: UUID) -> Response:
        """The last fifty activations of an environment, newest first."""
        rows: list[ActivationRow] = access.activations(self.actor, environment_id)
        return Response({"results": Activation(rows, many=True).data, "next_cursor": None})


class Decisions(ApiView):
    @extend_schema(
        operation_id="decisions_list", parameters=[*SEARCH, *paging.PARAMETERS], responses=paging.page_of(Decision)
    )
    def get(self, request: Request) -> Response:
        """Newest first. The same search as in the console: filters narrow, several values of one widen it."""
        page, wanted = paging.asked(request), Wanted.read(dict(request.query_params.lists()))
        rows = access.list_decisions(self.actor, wanted=wanted, before=page.before, limit=page.limit + 1)
        return Response(paging.envelope(rows, page, lambda row: Decision(row).data))


class DecisionOne(ApiView):
    @extend_schema(operation_id="decisions_show", responses=DecisionDetail)
    def get(self, request: Request, decision_id: UUID) -> Response:
        return Response(DecisionDetail(access.decision(self.actor, decision_id)).data)


class DecisionInput(ApiView):
    @extend_schema(operation_id="decisions_input", responses=OpenApiTypes.OBJECT)
    def get(self, request: Request, decision_id: UUID) -> Response:
        """The whole input document, for those who may see content; 404 once it has expired."""
        return Response(access.input_of(self.actor, decision_id))
