"""How one hears of what waits, and who is asked now. A Slack user is linked in a session only: see the console."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from connectors import preferences, rotas
from connectors.people_models import Rota
from controlplane.api import idempotency, naming
from tenants.http import ApiView


class NotificationWishes(serializers.Serializer[Any]):
    """`digest_hour`: local hour of the daily digest, null for none. `direct`: when to be told in Slack directly."""

    direct = serializers.ChoiceField(choices=preferences.Direct.choices)
    digest_hour = serializers.IntegerField(min_value=0, max_value=preferences.LAST_HOUR, allow_null=True)
    weekdays_only = serializers.BooleanField()
    timezone = serializers.CharField(max_length=64)


class OnCallShown(serializers.Serializer[Any]):
    """`stands_in_for`: whose turn it would be. `next`: whose turn follows."""

    rota = serializers.CharField(source="rota.name")
    workspace = serializers.CharField(source="rota.workspace.slug")
    user_id = serializers.UUIDField()
    person = serializers.CharField(source="label")
    stands_in_for = serializers.CharField()
    until = serializers.DateTimeField()
    next = serializers.CharField(source="next_label")


class OnCallNow(serializers.Serializer[Any]):
    results = OnCallShown(many=True)


class RotaBody(serializers.Serializer[Any]):
    """`members`: user names in their order; the first has the first turn."""

    workspace = serializers.SlugField(required=False, help_text="its name; may be left out where you see only one")
    name = serializers.SlugField(max_length=48)
    members = serializers.ListField(child=serializers.CharField(max_length=150), max_length=rotas.MOST_MEMBERS)
    starts_at = serializers.DateTimeField()
    turn_hours = serializers.IntegerField(min_value=1, max_value=rotas.LONGEST_TURN_H)
    enabled = serializers.BooleanField(default=True)


class RotaShown(serializers.Serializer[Any]):
    """`members`: user ids in their order."""

    id = serializers.UUIDField()
    workspace_id = serializers.UUIDField()
    name = serializers.CharField()
    members = serializers.ListField(child=serializers.UUIDField())
    starts_at = serializers.DateTimeField()
    turn_hours = serializers.IntegerField()
    enabled = serializers.BooleanField()


class RotasShown(serializers.Serializer[Any]):
    results = RotaShown(many=True)


def _wishes(row: Any) -> dict[str, Any]:
    return dict(NotificationWishes(row).data)


def _rota(row: Rota) -> dict[str, Any]:
    return dict(RotaShown(row).data)


class Notifications(ApiView):
    @extend_schema(operation_id="notifications_show", responses=NotificationWishes)
    def get(self, request: Request) -> Response:
        """Your own wishes."""
        return Response(_wishes(preferences.own(self.actor)))

    @extend_schema(operation_id="notifications_save", request=NotificationWishes, responses=NotificationWishes)
    def post(self, request: Request) -> Response:
        body = NotificationWishes(data=request.data)
        body.is_valid(raise_exception=True)
        return idempotency.once(request, actor=self.actor, verb=preferences.save, render=_wishes, **body.validated_data)


class OnCall(ApiView):
    @extend_schema(operation_id="on_call_list", responses=OnCallNow)
    def get(self, request: Request) -> Response:
        """Who is asked now, in each rota that you see."""
        return Response(OnCallNow({"results": rotas.now_on_call(self.actor)}).data)


class Rotas(ApiView):
    @extend_schema(operation_id="rotas_list", responses=RotasShown)
    def get(self, request: Request) -> Response:
        return Response(RotasShown({"results": rotas.visible(self.actor)}).data)

    @extend_schema(operation_id="rotas_save", request=RotaBody, responses=RotaShown)
    def post(self, request: Request) -> Response:
        """Make the rota of this name, or change it."""
        body = RotaBody(data=request.data)
        body.is_valid(raise_exception=True)
        terms = dict(body.validated_data)
        place = naming.workspace(self.actor, terms.pop("workspace", None))
        members = rotas.members_named(place.pk, terms.pop("members"))
        terms |= {"workspace_id": place.pk, "members": members}
        return idempotency.once(request, actor=self.actor, verb=rotas.save, render=_rota, **terms)
