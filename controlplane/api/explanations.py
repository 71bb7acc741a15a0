"""Why a decision came out as it did: rules and their lines, and every step on demand."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.api.policies import EFFECTS
from policies import explaining
from policies.explaining import Explanation
from policies.tracing import Mark
from tenants.http import ApiView


class FiredRule(serializers.Serializer[Any]):
    """`module` and `line`: where it stands in the bundle that decided; null for a refusal of the decision point."""

    effect = serializers.ChoiceField(choices=EFFECTS, source="reason.effect")
    code = serializers.CharField(source="reason.code")
    rule = serializers.CharField(source="reason.rule")
    message = serializers.CharField(source="reason.message")
    module = serializers.CharField(source="place.module", allow_null=True, default=None)
    line = serializers.IntegerField(source="place.line", allow_null=True, default=None)


class CountedApproval(serializers.Serializer[Any]):
    """`fits`: given for exactly this action; `people`: how many approved who have no interest in it."""

    request = serializers.CharField(source="approval.request_id")
    tier = serializers.CharField(source="approval.tier")
    fits = serializers.BooleanField()
    people = serializers.IntegerField()


class ExplanationShown(serializers.Serializer[Any]):
    """`input` without what may be content for those who may not see it; `note` says so, or why there is none."""

    id = serializers.UUIDField(source="record.id")
    effect = serializers.ChoiceField(choices=EFFECTS, source="record.effect")
    rules = FiredRule(many=True, source="fired")
    observed = FiredRule(many=True)
    obligations = serializers.JSONField(source="record.obligations")
    approvals = CountedApproval(many=True)
    bundle = serializers.UUIDField(source="bundle.id", allow_null=True, default=None)
    revision = serializers.CharField(source="record.revision")
    seq = serializers.IntegerField(source="record.seq")
    replaced_by = serializers.IntegerField(source="replaced_by.seq", allow_null=True, default=None)
    input = serializers.JSONField(source="asked.document")
    note = serializers.CharField(source="asked.note")
    history = serializers.SerializerMethodField(help_text="Ids of the decisions about the same call, in order")

    def get_history(self, found: Explanation) -> list[str]:
        return [str(row.pk) for row in found.history]


class TracedRule(serializers.Serializer[Any]):
    module = serializers.CharField()
    line = serializers.IntegerField()
    tried = serializers.IntegerField()
    fired = serializers.IntegerField()
    stopped_at = serializers.ListField(child=serializers.IntegerField())


class TraceShown(serializers.Serializer[Any]):
    """`marks`: module → line → what it did; a line that is not there was never reached."""

    effect = serializers.CharField()
    same = serializers.BooleanField(help_text="The effect is that of the record")
    rules = TracedRule(many=True, source="trace.rules")
    marks = serializers.DictField(
        child=serializers.DictField(child=serializers.ChoiceField(choices=[mark.value for mark in Mark])),
        source="trace.marks",
    )


class DecisionExplanation(ApiView):
    @extend_schema(operation_id="decisions_explain", responses=ExplanationShown)
    def get(self, request: Request, decision_id: UUID) -> Response:
        return Response(ExplanationShown(explaining.explain(self.actor, decision_id)).data)


class DecisionTrace(ApiView):
    @extend_schema(operation_id="decisions_trace", request=None, responses=TraceShown)
    def post(self, request: Request, decision_id: UUID) -> Response:
        """Decide the recorded input again under its bundle and tell each line. A read of content, on record."""
        return Response(TraceShown(explaining.trace(decision_id=decision_id, actor=self.actor)).data)
