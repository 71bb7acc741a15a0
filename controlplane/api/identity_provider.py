"""Where the people of the tenant sign in."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from tenants import sso, vault
from tenants.http import ApiView
from tenants.models import IdentityProvider


class IdentityProviderShown(serializers.Serializer[Any]):
    """`step_up`: a fresh sign-in there may stand for a second factor, if the token says that one was used."""

    issuer = serializers.CharField(max_length=250)
    client_id = serializers.CharField(max_length=200)
    step_up = serializers.BooleanField(default=False)
    step_up_acr = serializers.CharField(max_length=200, allow_blank=True, default="")
    default_role = serializers.ChoiceField(choices=sorted(sso.ADMITTING), allow_blank=True, default="")
    enabled = serializers.BooleanField(default=True)


class IdentityProviderBody(IdentityProviderShown):
    """`client_secret` goes into the vault and is never shown; left out, the one that is there stays."""

    client_secret = serializers.CharField(max_length=500, required=False, write_only=True)


class IdentityProviderOne(ApiView):
    @extend_schema(operation_id="identity_provider_show", responses=IdentityProviderShown)
    def get(self, request: Request) -> Response:
        """As it is set; with an empty issuer when there is none."""
        row = sso.provider(self.actor) or IdentityProvider(enabled=False)
        return Response(IdentityProviderShown(row).data)

    @extend_schema(operation_id="identity_provider_set", request=IdentityProviderBody, responses=IdentityProviderShown)
    def put(self, request: Request) -> Response:
        body = IdentityProviderBody(data=request.data)
        body.is_valid(raise_exception=True)
        said = dict(body.validated_data)
        secret = said.pop("client_secret", None)
        if secret is not None:
            vault.store(name=sso.CREDENTIAL, secret=secret.encode(), actor=self.actor)
        return Response(IdentityProviderShown(sso.set_provider(**said, actor=self.actor)).data)
