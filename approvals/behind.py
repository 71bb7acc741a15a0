"""Who stands behind a service or an agent: whoever answers for it may not approve what it asks for."""

from collections.abc import Iterable
from uuid import UUID

from tenants.models import ServiceIdentity


def people(asking: Iterable[UUID | None]) -> list[list[str]]:
    """[[user id, why]] of those who answer for any of these; of people nobody does."""
    machines = ServiceIdentity.objects.filter(user_id__in=[one for one in asking if one]).select_related("user")
    return [[str(row.owner_id), f"answer for {row.user.label}, which is behind it"] for row in machines.order_by("id")]
