"""Which tenants a browser session opens. Names no DRF view: the settings name what reads this."""

from collections.abc import Mapping
from typing import Any

from controlplane.lib.errors import NotFound
from tenants import access, breakglass
from tenants.actors import Actor
from tenants.models import User

SSO_TENANT = "sso.tenant"
"""In the session of somebody who signed in at a tenant's own identity provider: that tenant, and no other, is open."""


def signed_in(user: User, session: Mapping[str, Any], slug: str) -> Actor:
    """Whoever this session belongs to, as an actor in the tenant of that name; NotFound where the door is shut. A
    platform operator gets in behind broken glass only."""
    try:
        actor = access.member(user, slug)
    except NotFound:
        actor = breakglass.looking(user, slug)
    if session.get(SSO_TENANT) not in (None, str(actor.tenant_id)):
        raise NotFound
    return actor
