"""Standing in for somebody who is away."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from approvals import access, services
from approvals.models import Delegation
from controlplane.api import idempotency, naming
from tenants.http import ApiView


class DelegationShown(serializers.Serializer[Any]):
    """`principal` is away, `stand_in` decides in their place. `ended_at`: when it was ended before its time."""

    id = serializers.UUIDField()
    workspace_id = serializers.UUIDField()
    principal_id = serializers.UUIDField()
    principal = serializers.CharField(source="principal_label")
    stand_in_id = serializers.UUIDField()
    stand_in = serializers.CharField(source="stand_in_label")
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    reason = serializers.CharField()
    ended_at = serializers.DateTimeField(allow_null=True)


class DelegationBody(serializers.Serializer[Any]):
    """One's own right, lent to a colleague for at most sixty days."""

    workspace = serializers.SlugField(required=False, help_text="its name; may be left out where you see only one")
    stand_in = serializers.CharField(help_text="user name of the colleague")
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    reason = serializers.CharField(max_length=300)


class DelegationsShown(serializers.Serializer[Any]):
    results = DelegationShown(many=True)


def shown(row: Delegation) -> dict[str, Any]:
    return dict(DelegationShown(row).data)


class ApprovalDelegations(ApiView):
    @extend_schema(operation_id="approval_delegations_list", responses=DelegationsShown)
    def get(self, request: Request) -> Response:
        """Those that concern you, the newest first; administrators see all of their workspaces."""
        return Response(DelegationsShown({"results": access.delegations(self.actor)}).data)

    @extend_schema(operation_id="approval_delegations_create", request=DelegationBody, responses={201: DelegationShown})
    def post(self, request: Request) -> Response:
        body = DelegationBody(data=request.data)
        body.is_valid(raise_exception=True)
        terms = dict(body.validated_data)
        place = naming.workspace(self.actor, terms.pop("workspace", None))
        stand_in = access.colleague(self.actor, place.pk, terms.pop("stand_in"))
        terms |= {"workspace_id": place.pk, "stand_in_id": stand_in}
        return idempotency.once(request, actor=self.actor, verb=services.delegate, render=shown, status=201, **terms)


class ApprovalDelegationEnd(ApiView):
    @extend_schema(operation_id="approval_delegations_end", request=None, responses=DelegationShown)
    def post(self, request: Request, delegation_id: UUID) -> Response:
        return idempotency.once(
            request, actor=self.actor, verb=services.end_delegation, render=shown, delegation_id=delegation_id
        )
