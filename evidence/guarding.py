"""Each minute somebody looks at the guards of the record, and says so in the record.

What is different is told to every tenant at once; that all is well is told to a tenant whose logs have grown since.
While a guard is not as it must be, nothing with an effect is sent (`evidence.services.backpressure`). The picture seen
last is kept outside the database, so that the next one says what is different.
"""

import json
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F, Sum

from controlplane.lib.logs import get_logger
from evidence import guards, recording
from evidence.events import GuardAttested, GuardChanged
from evidence.guards import Picture
from evidence.keys import write_private
from evidence.models import LogHead
from tenants import scope
from tenants.actors import Actor

MOST_NAMED = 40

log = get_logger(__name__)


def attest() -> int:
    """Look once; returns how many tenants were told something."""
    with transaction.atomic(durable=True):
        seen, tenants = guards.read(), list(LogHead.unscoped.filter(pk=F("tenant_id")).values_list("pk", flat=True))
    changes, faults = guards.changes(_remembered() or seen, seen), guards.faults(seen)
    for fault in faults:
        log.critical("a guard of the record is down", extra={"reason": fault})
    told = sum(_tell(tenant_id, seen.digest, changes[:MOST_NAMED], faults[:MOST_NAMED]) for tenant_id in tenants)
    _remember(seen)
    return told


def _tell(tenant_id: UUID, digest: str, changes: list[str], faults: list[str]) -> bool:
    """The lock on the tenant-wide head keeps two sequencers from telling the same twice."""
    with scope.enter(tenant_id), transaction.atomic(durable=True):
        head = LogHead.objects.select_for_update(skip_locked=True).filter(pk=tenant_id).first()
        if head is None:
            return False
        total = LogHead.objects.aggregate(leaves=Sum("size"))["leaves"]
        changed = (head.guard, head.guard_faults) != (digest, "\n".join(faults))
        if not changed and total <= head.attested_total:
            return False
        event = (
            GuardChanged(head.guard or None, digest, changes if head.guard else [], faults)
            if changed
            else GuardAttested(digest, faults, total)
        )
        recording.write_many([recording.Entry(event, Actor.system(tenant_id, "sequencer"))])
        head.guard, head.guard_faults, head.attested_total = digest, "\n".join(faults), total + 1
        head.save(update_fields=["guard", "guard_faults", "attested_total"])
        return True


def _remembered() -> Picture | None:
    if not _file().exists():
        return None
    members = json.loads(_file().read_bytes())
    return Picture(members["states"], members["marks"])


def _remember(seen: Picture) -> None:
    if _remembered() == seen:
        return
    _file().parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_private(_file(), json.dumps({"states": dict(seen.states), "marks": dict(seen.marks)}).encode())


def _file() -> Path:
    folder: Path = settings.INTERLOCK_DATA_DIR / "signed"
    return folder / "guards.json"
