"""What an auditor takes away before the first run: the root key and the logs it speaks for."""

from uuid import UUID

from django.db import transaction

from evidence import keyrings, recording
from evidence.outside import configured
from evidence.verify import jcs
from evidence.verify.trust import Approver, Trust
from tenants import factors, scope


def export(tenant_id: UUID) -> dict[str, jcs.Json]:
    """The trust file of a tenant (`trust.json`). Hand it over on another way than the bundles.

    Whom it names as authority or witness the auditor should know from elsewhere too: that is what they are for.
    """
    with scope.enter(tenant_id), transaction.atomic():
        floor, passkeys = keyrings.revoked_since(), factors.public_keys()
    outside = configured()
    return Trust(
        recording.scope_of(tenant_id),
        keyrings.root_keys(),
        floor,
        tsas=tuple(server.trusted for server in outside.tsas),
        witnesses=tuple(server.trusted for server in outside.witnesses),
        quorum=min(outside.quorum, max(len(outside.witnesses), 1)),
        approvers=tuple(
            Approver(str(person), factors.relying_party(), tuple(passkeys[person])) for person in sorted(passkeys)
        ),
    ).as_json()
