"""The composition root of URLs."""

from django.urls import URLPattern, URLResolver, include, path

from tenants.admin_base import site

urlpatterns: list[URLPattern | URLResolver] = [
    path("admin/", site.urls),  # reached as /o/<tenant>/admin/ only, see controlplane.console.mount
    path("", include("controlplane.console.urls")),
]

handler403 = "controlplane.console.refusals.forbidden"
handler404 = "controlplane.console.refusals.missing"
handler500 = "controlplane.console.refusals.failed"
