"""System checks of the ground: the backend, and a key-encryption key that production must provide itself."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register


@register(Tags.database)
def backend_announces_the_tenant(**_: Any) -> list[CheckMessage]:
    if settings.DATABASES["default"]["ENGINE"] == "tenants.postgres":
        return []
    hint = "Set DATABASES['default']['ENGINE'] to 'tenants.postgres': row security learns the tenant from it."
    return [Error("The database backend does not announce the tenant.", hint=hint, id="tenants.E001")]


@register(Tags.security, deploy=True)
def production_brings_its_own_kek(**_: Any) -> list[CheckMessage]:
    if not settings.INTERLOCK_PRODUCTION or settings.INTERLOCK_KEK:
        return []
    hint = "Set INTERLOCK_KEK to 32 random bytes in base64, from your key management."
    return [Error("Production keeps its key-encryption key in a file.", hint=hint, id="tenants.E002")]
