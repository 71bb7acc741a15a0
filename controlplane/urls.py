"""The composition root of URLs."""

from django.urls import URLPattern, URLResolver, include, path

from controlplane import health
from tenants.admin_base import site

urlpatterns: list[URLPattern | URLResolver] = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("", include("connectors.urls")),  # webhooks and Slack: an opaque token and a signature
    path("v1/", include(("controlplane.api.urls", "v1"))),
    path("admin/", site.urls),  # reached as /o/<tenant>/admin/ only, see controlplane.console.mount
    path("", include("controlplane.console.account.urls")),
    path("", include("controlplane.console.urls")),
]

handler400 = "controlplane.edges.malformed"
handler403 = "controlplane.console.refusals.forbidden"
handler404 = "controlplane.edges.missing"
handler500 = "controlplane.edges.failed"
