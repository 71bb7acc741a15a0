"""Replay over the API: a run played again, as it was or as it would have been."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.api.simulations import Pack
from policies import proving
from policies.types import PackSource
from tenants.http import ApiView
from workflows.replay import report as reports
from workflows.replay import services
from workflows.replay.report import Level, Missing, Report, Verdict

VERDICTS = [verdict.value for verdict in Verdict]


class ReplayBody(serializers.Serializer[Any]):
    """`version` (another version of the workflow), else `packs` (another policy), else `level` (as it was)."""

    level = serializers.ChoiceField(choices=[level.value for level in Level], required=False)
    packs = serializers.DictField(child=Pack(), required=False)
    version = serializers.CharField(max_length=24, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs:
            raise serializers.ValidationError("say one of version, packs and level")
        return attrs


class Divergence(serializers.Serializer[Any]):
    seq = serializers.IntegerField()
    event = serializers.CharField(allow_blank=True)
    type = serializers.CharField(allow_blank=True)
    path = serializers.CharField(allow_blank=True, help_text="JSON pointer into the event or its content")
    recorded = serializers.JSONField(allow_null=True)
    replayed = serializers.JSONField(allow_null=True)
    why = serializers.CharField()
    content = serializers.CharField(allow_blank=True, help_text="Where the event commits to the content")


class Gap(serializers.Serializer[Any]):
    seq = serializers.IntegerField()
    code = serializers.ChoiceField(choices=[code.value for code in Missing])
    what = serializers.CharField()


class Replayed(serializers.Serializer[Any]):
    level = serializers.ChoiceField(choices=[level.value for level in Level])
    run = serializers.UUIDField()
    verdict = serializers.ChoiceField(choices=VERDICTS)
    events = serializers.IntegerField(help_text="Of the run; at R2: decisions")
    same = serializers.IntegerField()
    differing_later = serializers.IntegerField()
    counts = serializers.DictField(child=serializers.IntegerField())
    head = serializers.CharField(allow_blank=True, help_text="Hash of the last event as it was made again")
    divergence = Divergence(allow_null=True)
    not_covered = Gap(many=True)
    words = serializers.ListField(child=serializers.CharField())


class RunReplays(ApiView):
    @extend_schema(operation_id="runs_replay", request=ReplayBody, responses=Replayed)
    def post(self, request: Request, run_id: UUID) -> Response:
        """Play the run again. It changes nothing; that it was read goes on record."""
        body = ReplayBody(data=request.data)
        body.is_valid(raise_exception=True)
        found = self._found(run_id, body.validated_data).document()
        return Response(Replayed({**found, "words": reports.told(found)}).data)

    def _found(self, run_id: UUID, wanted: dict[str, Any]) -> Report:
        if "version" in wanted:
            return services.with_version(run_id=run_id, version=wanted["version"], actor=self.actor)
        if "packs" in wanted:
            packs = {name: PackSource(**pack) for name, pack in wanted["packs"].items()}
            return services.with_policy(run_id=run_id, packs=packs, actor=self.actor)
        return services.replay(run_id=run_id, level=Level(wanted["level"]), actor=self.actor)


class AgainBody(serializers.Serializer[Any]):
    """`before`: the cursor of the slice before; without a range: everything that is there, newest first."""

    since = serializers.DateTimeField(required=False)
    until = serializers.DateTimeField(required=False)
    before = serializers.UUIDField(required=False)
    most = serializers.IntegerField(default=10_000, min_value=1, max_value=proving.MOST)


class DecidedAgain(serializers.Serializer[Any]):
    verdict = serializers.ChoiceField(choices=VERDICTS)
    decisions = serializers.IntegerField()
    counts = serializers.DictField(child=serializers.IntegerField())
    first = serializers.DictField(allow_null=True, help_text="The newest decision that came out otherwise")
    cursor = serializers.UUIDField(allow_null=True, help_text="Ask again from here; null: this was all")


class DecisionsAgain(ApiView):
    @extend_schema(operation_id="policies_decide_again", request=AgainBody, responses=DecidedAgain)
    def post(self, request: Request, environment_id: UUID) -> Response:
        """R2: recorded decisions, decided again by the bundles that made them, as many as fit into this answer."""
        body = AgainBody(data=request.data)
        body.is_valid(raise_exception=True)
        proof = proving.decide_again(environment_id=environment_id, actor=self.actor, **body.validated_data)
        return Response(DecidedAgain(proof.document()).data)
