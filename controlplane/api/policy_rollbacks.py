"""Back to an earlier policy; and what an activation did."""

from typing import Any
from uuid import UUID

from django.db import transaction
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.api import idempotency
from controlplane.api.policies import Activation
from controlplane.api.policy_drafts import PolicyDraftDetail, shown
from policies import monitoring, rolling
from tenants import access as places
from tenants.http import ApiView


class WayBack(serializers.Serializer[Any]):
    """`activation`: the earlier one; without it the one before the one that stands."""

    activation = serializers.UUIDField(required=False)
    reason = serializers.CharField(max_length=200)


class WatchedSpan(serializers.Serializer[Any]):
    since = serializers.DateTimeField()
    until = serializers.DateTimeField()
    decisions = serializers.IntegerField()
    effects = serializers.DictField(child=serializers.IntegerField())
    errors = serializers.DictField(child=serializers.IntegerField())  # type: ignore[assignment]


class WatchedActivation(Activation):
    """`after`: decisions since it, until the next one (at most seven days); `before`: as long before it."""

    draft_id = serializers.UUIDField(allow_null=True)
    restores_id = serializers.UUIDField(allow_null=True)
    after = WatchedSpan()
    before = WatchedSpan()


class ActivationOne(ApiView):
    @extend_schema(operation_id="policies_activation", responses=WatchedActivation)
    def get(self, request: Request, activation_id: UUID) -> Response:
        """One activation, and what was decided since compared with before."""
        watch = monitoring.watch(self.actor, activation_id)
        watch.activation.after, watch.activation.before = watch.after, watch.before  # type: ignore[attr-defined]
        return Response(WatchedActivation(watch.activation).data)


class PolicyRollback(ApiView):
    @extend_schema(operation_id="policies_rollback", request=WayBack, responses={201: Activation})
    def post(self, request: Request, environment_id: UUID) -> Response:
        """Bring an earlier policy back at once. Refused (409, `why`) unless recorded decisions show that it loosens
        nothing: then propose it."""
        body = _asked(self, request, environment_id)
        return idempotency.once(
            request,
            actor=self.actor,
            verb=rolling.go_back,
            render=lambda row: dict(Activation(row).data),
            status=201,
            prepare=lambda: {"way": rolling.weigh_alone(environment_id, body.get("activation"), self.actor)},
            reason=body["reason"],
        )


class PolicyRollbackDraft(ApiView):
    @extend_schema(operation_id="policies_rollback_propose", request=WayBack, responses={201: PolicyDraftDetail})
    def post(self, request: Request, environment_id: UUID) -> Response:
        """Ask others to bring an earlier policy back: a draft that is proposed at once."""
        body = _asked(self, request, environment_id)
        return idempotency.once(
            request,
            actor=self.actor,
            verb=rolling.propose_way,
            render=shown,
            status=201,
            prepare=lambda: {"way": rolling.weigh_to_propose(environment_id, body.get("activation"), self.actor)},
            reason=body["reason"],
        )


def _asked(view: ApiView, request: Request, environment_id: UUID) -> dict[str, Any]:
    with transaction.atomic():
        places.environment(view.actor, environment_id)
    body = WayBack(data=request.data)
    body.is_valid(raise_exception=True)
    return dict(body.validated_data)
