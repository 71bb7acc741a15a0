"""What an auditor takes away before the first run: the root key and the logs it speaks for."""

from uuid import UUID

from evidence import keys, recording
from evidence.verify import jcs
from evidence.verify.trust import Trust


def export(tenant_id: UUID) -> dict[str, jcs.Json]:
    """The trust file of a tenant (`trust.json`). Hand it over on another way than the bundles."""
    return Trust(scope=recording.scope_of(tenant_id), root_keys=(keys.root().public,)).as_json()
