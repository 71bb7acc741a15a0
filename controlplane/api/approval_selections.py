"""Many requests at once: choose, look, decide exactly what was looked at."""

from typing import Any

from django.db import transaction
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from approvals import selections
from approvals.types import Channel, Verdict
from controlplane.api.approvals import VERDICTS, Approval
from tenants.http import ApiView


class SelectionBody(serializers.Serializer[Any]):
    request_ids = serializers.ListField(child=serializers.UUIDField(), max_length=selections.MOST)


class ChosenShown(serializers.Serializer[Any]):
    """`left_out`: why it is not part of the selection, empty when it is."""

    approval = Approval(source="item")
    display = serializers.JSONField(allow_null=True)
    left_out = serializers.CharField()


class SelectionShown(serializers.Serializer[Any]):
    """`token` stands for exactly `chosen`, as shown here; good for a quarter of an hour and for you alone."""

    token = serializers.CharField()
    digest = serializers.CharField()
    chosen = ChosenShown(many=True)
    left_out = ChosenShown(many=True)


class SelectionVoteBody(serializers.Serializer[Any]):
    token = serializers.CharField()
    verdict = serializers.ChoiceField(choices=VERDICTS)
    reason = serializers.CharField(max_length=1000, allow_blank=True, default="")


class SelectionResult(serializers.Serializer[Any]):
    """`code` and `detail` say why a vote was not taken; `state` where the request stands after one that was."""

    request_id = serializers.UUIDField()
    state = serializers.CharField()
    code = serializers.CharField()
    detail = serializers.CharField()


class ApprovalSelections(ApiView):
    @extend_schema(operation_id="approval_selections_freeze", request=SelectionBody, responses=SelectionShown)
    def post(self, request: Request) -> Response:
        """Freeze a selection. Nothing is decided by it."""
        body = SelectionBody(data=request.data)
        body.is_valid(raise_exception=True)
        with transaction.atomic():
            made = selections.freeze(request_ids=body.validated_data["request_ids"], actor=self.actor)
            return Response(SelectionShown(made).data)


class ApprovalSelectionVotes(ApiView):
    @extend_schema(
        operation_id="approval_selections_vote", request=SelectionVoteBody, responses=SelectionResult(many=True)
    )
    def post(self, request: Request) -> Response:
        """Decide what was frozen, each by a vote of its own; one that changed since is refused alone."""
        body = SelectionVoteBody(data=request.data)
        body.is_valid(raise_exception=True)
        said = body.validated_data
        verdict = Verdict(said["verdict"])
        done = selections.decide(
            token=said["token"], actor=self.actor, verdict=verdict, reason=said["reason"], channel=Channel.API
        )
        return Response(SelectionResult(done, many=True).data)
