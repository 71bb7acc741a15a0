"""Service identities, the rotation of their tokens, and broken glass."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.api import idempotency, naming
from controlplane.api.identity import Token, token_of
from tenants import breakglass, machines
from tenants.http import ApiView
from tenants.models import BreakGlass, ServiceIdentity
from tenants.roles import Role
from tenants.services import NewToken

MACHINES = ["service", "agent"]
MACHINE_ROLES = sorted(role.value for role in machines.ROLES)


class Service(serializers.Serializer[Any]):
    """`owner`: the person who answers for it; `closed_at`: since when its tokens are refused."""

    id = serializers.UUIDField()
    user_id = serializers.UUIDField()
    username = serializers.CharField(source="user.username")
    kind = serializers.ChoiceField(choices=MACHINES, source="user.kind")
    purpose = serializers.CharField()
    owner = serializers.UUIDField(source="owner_id")
    made_at = serializers.DateTimeField()
    closed_at = serializers.DateTimeField(allow_null=True)


class NewService(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=40)
    kind = serializers.ChoiceField(choices=MACHINES, default="service")
    purpose = serializers.CharField(max_length=200)
    owner = serializers.UUIDField(required=False, help_text="Who answers for it; yourself when left out")
    role = serializers.ChoiceField(choices=MACHINE_ROLES, default=Role.SERVICE.value)
    workspace = serializers.CharField(required=False, help_text="Name of the workspace; the only one when left out")


class Rotation(serializers.Serializer[Any]):
    overlap_hours = serializers.IntegerField(min_value=0, max_value=168, default=24)


class Glass(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    operator = serializers.CharField(source="operator.label")
    reason = serializers.CharField()
    opened_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    closed_at = serializers.DateTimeField(allow_null=True)


def _service(row: ServiceIdentity) -> dict[str, Any]:
    return dict(Service(row).data)


def _glass(row: BreakGlass) -> dict[str, Any]:
    return dict(Glass(row).data)


def _new_token(made: NewToken) -> dict[str, Any]:
    return {**token_of(made.row), "token": made.secret}


class Services(ApiView):
    @extend_schema(operation_id="services_list", responses=Service(many=True))
    def get(self, request: Request) -> Response:
        rows = [_service(row) for row in machines.every(self.actor)]
        return Response({"results": rows, "next_cursor": None})

    @extend_schema(operation_id="services_make", request=NewService, responses={201: Service})
    def post(self, request: Request) -> Response:
        body = NewService(data=request.data)
        body.is_valid(raise_exception=True)
        wanted = body.validated_data
        return idempotency.once(
            request,
            actor=self.actor,
            verb=machines.make,
            render=_service,
            status=201,
            name=wanted["name"],
            kind=wanted["kind"],
            purpose=wanted["purpose"],
            owner_id=wanted.get("owner", self.actor.id),
            workspace_id=naming.workspace(self.actor, wanted.get("workspace")).pk,
            role=Role(wanted["role"]),
        )


class ServiceClose(ApiView):
    @extend_schema(operation_id="services_close", request=None, responses=Service)
    def post(self, request: Request, identity_id: UUID) -> Response:
        return idempotency.once(
            request, actor=self.actor, verb=machines.close, render=_service, identity_id=identity_id
        )


class TokenRotate(ApiView):
    @extend_schema(operation_id="tokens_rotate", request=Rotation, responses={201: Token})
    def post(self, request: Request, token_id: UUID) -> Response:
        """A new token like this one, which goes on for the overlap. The secret is in this answer only."""
        body = Rotation(data=request.data)
        body.is_valid(raise_exception=True)
        overlap = timedelta(hours=body.validated_data["overlap_hours"])
        made = machines.rotate_token(token_id=token_id, overlap=overlap, actor=self.actor)
        return Response(_new_token(made), status=201)


class Glasses(ApiView):
    @extend_schema(operation_id="break_glass_list", responses=Glass(many=True))
    def get(self, request: Request) -> Response:
        """When platform operators looked into this tenant, and why."""
        rows = [_glass(row) for row in breakglass.history(self.actor)]
        return Response({"results": rows, "next_cursor": None})


class GlassClose(ApiView):
    @extend_schema(operation_id="break_glass_close", request=None, responses=Glass)
    def post(self, request: Request, glass_id: UUID) -> Response:
        return idempotency.once(
            request, actor=self.actor, verb=breakglass.close_glass, render=_glass, glass_id=glass_id
        )
