"""Mounts Django's admin below each tenant: `/o/<tenant>/admin/…` is the admin with `/o/<tenant>` as script name.

The admin reverses its URLs without arguments; as a script name the tenant is in every one of them all the same.
"""

import re
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.urls import get_script_prefix, set_script_prefix

from tenants.admin_base import MOUNT

_MOUNTED = re.compile(rf"(?P<prefix>/o/(?P<slug>[-\w]+))(?P<rest>{MOUNT}.*)")


class TenantMount:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        mounted = _MOUNTED.fullmatch(request.path_info)
        if mounted is None:
            return self.get_response(request)
        before = get_script_prefix()
        request.path_info = mounted["rest"]
        request.tenant_slug = mounted["slug"]  # type: ignore[attr-defined]
        set_script_prefix(mounted["prefix"] + "/")
        try:
            return self.get_response(request)
        finally:
            set_script_prefix(before)
