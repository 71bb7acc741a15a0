"""Where a request is decided."""

from uuid import UUID

from django.conf import settings

from tenants import scope
from tenants.models import Tenant


def console(request_id: UUID) -> str:
    """The page of the request in the console."""
    slug = Tenant.objects.get(pk=scope.current()).slug
    return f"{settings.INTERLOCK_BASE_URL}/o/{slug}/approvals/{request_id}/"


def queue() -> str:
    """The page of everything that waits."""
    slug = Tenant.objects.get(pk=scope.current()).slug
    return f"{settings.INTERLOCK_BASE_URL}/o/{slug}/approvals/"
