"""Dry runs: what a run would do, against what the systems say now. Nothing is written, nobody is asked."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.api import idempotency, naming
from controlplane.api.runs import Trigger
from policies.types import Effect
from tenants.http import ApiView
from workflows import rehearsal
from workflows.rehearsal.types import Verdict, Would, document

EFFECTS = [effect.value for effect in Effect]


class DryRunBody(Trigger):
    """`with_model`: ask models too, at their price; otherwise steps that need their answer are not played."""

    environment = serializers.SlugField(default="prod")
    workspace = serializers.SlugField(required=False)
    with_model = serializers.BooleanField(default=False)


class Why(serializers.Serializer[Any]):
    effect = serializers.ChoiceField(choices=EFFECTS)
    code = serializers.CharField()
    rule = serializers.CharField()
    message = serializers.CharField()


class WouldChange(serializers.Serializer[Any]):
    field = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    before = serializers.CharField()
    after = serializers.CharField()


class DryStep(serializers.Serializer[Any]):
    """`id` is that of the step, `id[0]` of an item of a loop, `step/id` of a step of a sub-run."""

    id = serializers.CharField()
    kind = serializers.CharField()
    tool = serializers.CharField()
    would = serializers.ChoiceField(choices=[would.value for would in Would])
    code = serializers.CharField()
    detail = serializers.CharField()
    depends_on = serializers.ListField(child=serializers.CharField())
    effect = serializers.ChoiceField(choices=EFFECTS, allow_null=True)
    title = serializers.CharField()
    target = serializers.CharField()
    changes = WouldChange(many=True)
    unchanged = serializers.IntegerField(help_text="How many fields were read and stay")
    reasons = Why(many=True)
    obligations = serializers.ListField(child=serializers.DictField())
    approval = serializers.DictField(allow_null=True, help_text="Tier and expiry of the approval that would be asked")
    cost_micros = serializers.IntegerField(allow_null=True, help_text="Estimate in micro-USD; null: no price")


class DryUndo(serializers.Serializer[Any]):
    step = serializers.CharField()
    summary = serializers.CharField()
    cannot = serializers.ListField(child=serializers.CharField(), help_text="What no undo takes back")


class DryApproval(serializers.Serializer[Any]):
    step = serializers.CharField()
    tier = serializers.CharField()
    expires_s = serializers.IntegerField()


class DryCost(serializers.Serializer[Any]):
    """Micro-USD; `known_calls` of `calls` have an estimate. `spent_micros`: what the dry run itself has cost."""

    micros = serializers.IntegerField()
    known_calls = serializers.IntegerField()
    calls = serializers.IntegerField()
    spent_micros = serializers.IntegerField()


class DryStart(serializers.Serializer[Any]):
    effect = serializers.ChoiceField(choices=EFFECTS)
    reasons = Why(many=True)


class DryRun(serializers.Serializer[Any]):
    """`verdict`: how a real run would end as far as one can say. `undo`: in the order in which it would be done."""

    id = serializers.UUIDField()
    workflow = serializers.CharField()
    version = serializers.CharField()
    environment = serializers.CharField()
    with_model = serializers.BooleanField()
    verdict = serializers.ChoiceField(choices=[verdict.value for verdict in Verdict])
    start = DryStart()
    policy_revision = serializers.CharField()
    steps = DryStep(many=True)
    approvals = DryApproval(many=True)
    cost = DryCost()
    undo = DryUndo(many=True)


class DryRuns(ApiView):
    @extend_schema(operation_id="workflows_dry_run", request=DryRunBody, responses=DryRun)
    def post(self, request: Request, name: str) -> Response:
        """Play the newest version without effect. Needs the permission to start it. A repeated Idempotency-Key
        answers as the first time did; nothing is read or asked again."""
        body = DryRunBody(data=request.data)
        body.is_valid(raise_exception=True)
        wanted = body.validated_data
        place = naming.environment(self.actor, wanted["environment"], wanted.get("workspace"))

        def played() -> dict[str, Any]:
            asked = {"trigger": wanted["trigger"], "with_model": wanted["with_model"]}
            made = rehearsal.rehearse(workflow=name, environment_id=place.pk, actor=self.actor, **asked)
            return {"rehearsed": made}

        return idempotency.once(request, actor=self.actor, verb=rehearsal.tell, render=_shown, prepare=played)


def _shown(found: rehearsal.Rehearsal) -> dict[str, Any]:
    shown: dict[str, Any] = DryRun(document(found)).data
    return shown
