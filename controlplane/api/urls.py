"""`/v1`, one line per resource. Each room's views stand in a module of its own."""

from django.urls import path
from drf_spectacular.views import SpectacularAPIView

from controlplane.api import halts, identity

urlpatterns = [
    path("openapi.json", SpectacularAPIView.as_view(authentication_classes=[], permission_classes=[]), name="openapi"),
    path("me", identity.Me.as_view(), name="me"),
    path("tokens", identity.Tokens.as_view(), name="tokens"),
    path("tokens/<uuid:token_id>/revoke", identity.TokenRevoke.as_view(), name="token-revoke"),
    path("halts", halts.Halts.as_view(), name="halts"),
    path("halts/<uuid:halt_id>/request-release", halts.ReleaseRequest.as_view(), name="halt-request-release"),
    path("halts/<uuid:halt_id>/release", halts.Release.as_view(), name="halt-release"),
]
