"""Who belongs to the tenant, what each may effectively do, and their roles."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.api import idempotency, naming
from controlplane.api.identity import Token, token_of
from tenants import granting, people
from tenants.http import ApiView
from tenants.models import Membership
from tenants.roles import Role

ROLES = [role.value for role in Role]


class PersonRole(serializers.Serializer[Any]):
    """`environment` is empty for a role that holds in the whole workspace."""

    membership_id = serializers.UUIDField()
    role = serializers.ChoiceField(choices=ROLES)
    workspace = serializers.CharField()
    environment = serializers.CharField()
    since = serializers.DateTimeField()


class Person(serializers.Serializer[Any]):
    """`factors`: kinds of second factor; without one a person can never step up."""

    id = serializers.UUIDField()
    username = serializers.CharField()
    name = serializers.CharField(source="label")
    kind = serializers.CharField()
    active = serializers.BooleanField()
    factors = serializers.ListField(child=serializers.CharField())
    roles = PersonRole(many=True)


class HeldPermission(serializers.Serializer[Any]):
    """A permission and the roles that give it."""

    permission = serializers.CharField(source="perm.value")
    by = serializers.ListField(child=serializers.CharField())


class HeldPlace(serializers.Serializer[Any]):
    workspace_id = serializers.UUIDField()
    workspace = serializers.CharField()
    environment = serializers.CharField()
    held = HeldPermission(many=True)


class EffectivePermissions(serializers.Serializer[Any]):
    person = Person()
    places = HeldPlace(many=True)
    tokens = Token(many=True)


class NewRole(serializers.Serializer[Any]):
    role = serializers.ChoiceField(choices=ROLES)
    workspace = serializers.CharField(required=False, help_text="Name of the workspace; the only one when left out")
    environment = serializers.CharField(required=False, help_text="Only there; left out: in the whole workspace")


class MembershipRow(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    user_id = serializers.UUIDField()
    role = serializers.CharField()
    workspace_id = serializers.UUIDField()
    environment_id = serializers.UUIDField(allow_null=True)


class Withdrawn(serializers.Serializer[Any]):
    id = serializers.UUIDField(help_text="The membership that is no more")


class People(ApiView):
    @extend_schema(operation_id="people_list", responses=Person(many=True))
    def get(self, request: Request) -> Response:
        """All members for an administrator, otherwise oneself."""
        return Response({"results": Person(people.everyone(self.actor), many=True).data, "next_cursor": None})


class PersonOne(ApiView):
    @extend_schema(operation_id="people_show", responses=EffectivePermissions)
    def get(self, request: Request, user_id: UUID) -> Response:
        """The effective permissions of one member, place by place, with the roles that give them."""
        found = people.effective(self.actor, user_id)
        shown = {"person": Person(found.person).data, "places": HeldPlace(found.places, many=True).data}
        return Response({**shown, "tokens": [token_of(row) for row in found.tokens]})


class PersonRoles(ApiView):
    @extend_schema(operation_id="people_grant", request=NewRole, responses={201: MembershipRow})
    def post(self, request: Request, user_id: UUID) -> Response:
        """A further role for somebody who is a member already."""
        people.require_member(self.actor, user_id)
        body = NewRole(data=request.data)
        body.is_valid(raise_exception=True)
        wanted = body.validated_data
        place = naming.workspace(self.actor, wanted.get("workspace"))
        inside = wanted.get("environment")
        return idempotency.once(
            request,
            actor=self.actor,
            verb=granting.grant_role,
            render=_row,
            status=201,
            user_id=user_id,
            role=Role(wanted["role"]),
            workspace_id=place.pk,
            environment_id=naming.environment(self.actor, inside, place.slug).pk if inside else None,
        )


class MembershipWithdraw(ApiView):
    @extend_schema(operation_id="people_withdraw", request=None, responses=Withdrawn)
    def post(self, request: Request, membership_id: UUID) -> Response:
        return idempotency.once(
            request,
            actor=self.actor,
            verb=granting.withdraw_role,
            render=lambda _: {"id": str(membership_id)},
            membership_id=membership_id,
        )


def _row(row: Membership) -> dict[str, Any]:
    return dict(MembershipRow(row).data)
