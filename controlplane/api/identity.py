"""Who am I, what may I do, and my tokens."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.api import idempotency
from tenants import access, services
from tenants.http import ApiView
from tenants.models import ApiToken
from tenants.permissions import held
from tenants.services import NewToken


class NewTokenBody(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=80)
    user = serializers.UUIDField(required=False, help_text="For whom; yourself when left out")
    scopes = serializers.ListField(child=serializers.CharField(), allow_empty=False)
    on_behalf_of = serializers.UUIDField(
        required=False, help_text="A person for whom a service or agent acts; it may then no more than they may"
    )
    expires_in_days = serializers.IntegerField(min_value=1, max_value=366, default=90)


class Token(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    prefix = serializers.CharField()
    scopes = serializers.ListField(child=serializers.CharField())
    user = serializers.UUIDField()
    expires_at = serializers.DateTimeField()
    revoked_at = serializers.DateTimeField(allow_null=True)
    last_used_at = serializers.DateTimeField(allow_null=True)
    on_behalf_of = serializers.UUIDField(allow_null=True)
    replaced_by = serializers.UUIDField(allow_null=True, help_text="The token that it was rotated to")
    token = serializers.CharField(required=False, help_text="The secret: in the answer to its creation only")


def token_of(row: ApiToken) -> dict[str, Any]:
    times = {name: getattr(row, name) for name in ("expires_at", "revoked_at", "last_used_at")}
    shown = {name: value and value.isoformat() for name, value in times.items()}
    return {
        "id": str(row.id),
        "name": row.name,
        "prefix": row.prefix,
        "scopes": row.scopes,
        "user": str(row.user_id),
        "on_behalf_of": str(row.on_behalf_of_id) if row.on_behalf_of_id else None,
        "replaced_by": str(row.replaced_by) if row.replaced_by else None,
        **shown,
    }


class Me(ApiView):
    @extend_schema(operation_id="me", responses={200: dict[str, Any]})
    def get(self, request: Request) -> Response:
        actor = self.actor
        places = [
            {"id": str(w.id), "slug": w.slug, "permissions": sorted(held(actor, w.id))}
            for w in access.workspaces(actor)
        ]
        tenant = access.tenant(actor)
        return Response(
            {
                "id": str(actor.id),
                "label": actor.label,
                "kind": actor.kind,
                "method": actor.method,
                "tenant": {"id": str(tenant.id), "slug": tenant.slug, "name": tenant.name},
                "workspaces": places,
            }
        )


class Tokens(ApiView):
    @extend_schema(operation_id="tokens_list", responses=Token(many=True))
    def get(self, request: Request) -> Response:
        return Response({"results": [token_of(row) for row in access.tokens(self.actor)], "next_cursor": None})

    @extend_schema(operation_id="tokens_issue", request=NewTokenBody, responses={201: Token})
    def post(self, request: Request) -> Response:
        body = NewTokenBody(data=request.data)
        body.is_valid(raise_exception=True)
        wanted = body.validated_data
        made: NewToken = services.issue_token(
            user_id=wanted.get("user", self.actor.id),
            name=wanted["name"],
            scopes=wanted["scopes"],
            lives=timedelta(days=wanted["expires_in_days"]),
            on_behalf_of=wanted.get("on_behalf_of"),
            actor=self.actor,
        )
        return Response({**token_of(made.row), "token": made.secret}, status=201)


class TokenRevoke(ApiView):
    @extend_schema(operation_id="tokens_revoke", request=None, responses=Token)
    def post(self, request: Request, token_id: UUID) -> Response:
        return idempotency.once(
            request, actor=self.actor, verb=services.revoke_token, render=token_of, token_id=token_id
        )
