"""Whether policy is enforced, as the canary of each environment proves it."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from connectors import enforcement
from connectors.lights import MEANING, WORDS, Light
from controlplane.api import paging
from tenants.http import ApiView

LIGHTS = [light.value for light in Light]


class Enforcement(serializers.Serializer[Any]):
    """`light`: enforcing, unknown (nothing ran yet), late (no proof for two minutes), denying (policy is in doubt and
    everything is denied) or failed (a call that nobody grants was not denied). `meaning` says it in words."""

    environment_id = serializers.UUIDField(source="environment.pk")
    environment = serializers.CharField(source="environment.slug")
    workspace_id = serializers.UUIDField(source="environment.workspace_id")
    light = serializers.ChoiceField(choices=LIGHTS)
    words = serializers.SerializerMethodField()
    meaning = serializers.SerializerMethodField()
    tried_at = serializers.DateTimeField(source="row.tried_at", default=None, allow_null=True)
    since = serializers.DateTimeField(source="row.since", default=None, allow_null=True)
    code = serializers.CharField(source="row.code", default="")
    detail = serializers.CharField(source="row.detail", default="")
    call_id = serializers.UUIDField(source="row.call_id", default=None, allow_null=True)
    decision_id = serializers.UUIDField(source="row.decision_id", default=None, allow_null=True)

    def get_words(self, shown: enforcement.Shown) -> str:
        return WORDS[shown.light]

    def get_meaning(self, shown: enforcement.Shown) -> str:
        return MEANING[shown.light]


class Enforcements(ApiView):
    @extend_schema(operation_id="enforcement_list", responses=paging.page_of(Enforcement))
    def get(self, request: Request) -> Response:
        """Every environment with a policy that you may see. Where there is no policy, everything is denied."""
        found = enforcement.lights(self.actor)
        return Response({"results": Enforcement(found, many=True).data, "next_cursor": None})
