"""Who speaks for the record and who outside has seen it, over the API."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from evidence import custody
from tenants.http import ApiView


class Key(serializers.Serializer[Any]):
    kid = serializers.CharField()
    use = serializers.CharField()
    not_before = serializers.DateTimeField()
    not_after = serializers.DateTimeField()
    revoked_at = serializers.DateTimeField(allow_null=True)
    state = serializers.ChoiceField(choices=["VALID", "LATER", "EXPIRED", "REVOKED"])


class Ring(serializers.Serializer[Any]):
    version = serializers.IntegerField()
    scope = serializers.CharField(help_text="Its keys speak for logs whose origin begins so")
    issued_at = serializers.DateTimeField()
    signed_by = serializers.ListField(child=serializers.CharField(), help_text="Root keys that signed it")
    keys = Key(many=True)


class Seen(serializers.Serializer[Any]):
    by = serializers.CharField()
    size = serializers.IntegerField(help_text="Leaves under the head that was seen")
    at = serializers.DateTimeField(allow_null=True)


class LogCustody(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    label = serializers.CharField()  # type: ignore[assignment]  # the member is called so
    origin = serializers.CharField()
    size = serializers.IntegerField()
    signed_size = serializers.IntegerField()
    signed_at = serializers.DateTimeField(allow_null=True)
    root = serializers.CharField(allow_blank=True)  # type: ignore[assignment]  # the member is called so
    frozen_reason = serializers.CharField(allow_blank=True)
    stamps = Seen(many=True, help_text="RFC 3161 time stamps of the newest anchor")
    cosignatures = Seen(many=True, help_text="The newest of each witness")
    pushes = Seen(many=True, help_text="What was pushed last to each place")
    late = serializers.ListField(child=serializers.CharField(), help_text="Who should have seen it by now")


class Epoch(serializers.Serializer[Any]):
    log = serializers.CharField()
    origin = serializers.CharField()
    previous = serializers.CharField()
    kept = serializers.IntegerField()
    signed = serializers.IntegerField()
    cause = serializers.CharField()
    reason = serializers.CharField()
    at = serializers.DateTimeField()


class SetAside(serializers.Serializer[Any]):
    event_id = serializers.UUIDField()
    log = serializers.CharField()
    reason = serializers.CharField()
    at = serializers.DateTimeField()


class Guard(serializers.Serializer[Any]):
    digest = serializers.CharField()
    faults = serializers.ListField(child=serializers.CharField())
    attested_at = serializers.DateTimeField()


class Custody(serializers.Serializer[Any]):
    ring = Ring(allow_null=True)
    logs = LogCustody(many=True)
    epochs = Epoch(many=True, help_text="Newest first: logs that went on after a restore")
    set_aside = SetAside(many=True, help_text="Newest first: events that did not become leaves")
    guard = Guard(allow_null=True)
    authorities = serializers.ListField(child=serializers.CharField())
    witnesses = serializers.ListField(child=serializers.CharField())
    quorum = serializers.IntegerField()
    places = serializers.ListField(child=serializers.CharField())
    problem = serializers.CharField(allow_blank=True, help_text="Why nobody outside can be named")


class CustodyOne(ApiView):
    @extend_schema(operation_id="custody", responses=Custody)
    def get(self, request: Request) -> Response:
        """Keys, heads and who outside has seen them, epochs, what was set aside, guards. Needs “Export evidence”."""
        return Response(Custody(custody.read(self.actor)).data)
