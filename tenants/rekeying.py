"""Everything that is encrypted, under new keys; then the old ones end, and with them every backup of their time.

What was erased is gone from the database at once. In a backup it is still there, under keys that wrap keys: it ends
when the key-encryption key of that epoch does. So live rows move to keys of a new epoch, and the old one is destroyed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import transaction

from controlplane.lib import clock
from tenants import datakeys, keys, ports, scope
from tenants.actors import Actor
from tenants.events import DataKeysEnded
from tenants.models import Credential, DataKey, Payload
from tenants.models.base import TenantModel
from tenants.services import every_tenant

BATCH = 500
GRACE = timedelta(seconds=2 * datakeys.LOOK_AGAIN_S)
"""Until then some process may still encrypt under the key that it knows."""


@dataclass(frozen=True)
class Encrypted:
    """Rows with a ciphertext under a data key: names of both columns, and what the ciphertext is bound to."""

    model: type[TenantModel]
    key: str
    ciphertext: str
    context: Callable[[Any], str]


ENCRYPTED: list[Encrypted] = [
    Encrypted(Credential, "key_id", "ciphertext", lambda row: f"cred|{row.name}"),
    Encrypted(Payload, "key_id", "ciphertext", lambda row: f"payload|{row.digest}"),
]
"""Upper apps add theirs in `ready()`. A test says that no model is missing."""


def carry_on() -> bool:
    """Move what is left of every tenant to keys of this epoch; True when the former epoch is over and its key gone."""
    with transaction.atomic():
        tenants = every_tenant()
    done = True
    for tenant_id in tenants:
        with scope.enter(tenant_id):
            done = _moved() and done
    if done:
        keys.end_former()
        datakeys.forget_known()
    return done


def _moved() -> bool:
    """One tenant; True when nothing of it is under a former key."""
    old = _old_keys()
    if not old:
        return True
    datakeys.forget_known()
    for kind in ENCRYPTED:
        while _move(kind, old):
            pass
    return _end(old)


@transaction.atomic(durable=True)
def _old_keys() -> dict[Any, DataKey]:
    """Keys that a former epoch has wrapped; a newer one stands beside them from here on."""
    current = keys.provider().kek_id
    old = {row.pk: row for row in DataKey.objects.exclude(kek_id=current)}
    if old and not DataKey.objects.filter(kek_id=current).exists():
        datakeys.create()
    return old


@transaction.atomic(durable=True)
def _move(kind: Encrypted, old: dict[Any, DataKey]) -> int:
    found = kind.model.objects.filter(**{f"{kind.key}__in": list(old)}).order_by("pk")
    rows = list(found.select_for_update(of=("self",))[:BATCH])
    for row in rows:
        context = kind.context(row)
        sealed = bytes(getattr(row, kind.ciphertext))
        content = datakeys.decrypt(old[getattr(row, kind.key)], sealed, context)
        key, ciphertext = datakeys.encrypt(content, context)
        kind.model.objects.filter(pk=row.pk).update(**{kind.key: key.pk, kind.ciphertext: ciphertext})
    return len(rows)


@transaction.atomic(durable=True)
def _end(old: dict[Any, DataKey]) -> bool:
    """Only when nothing is under them, and no process can use them any longer."""
    newest = datakeys.newest()
    if newest is None or newest.created_at > clock.now() - GRACE:
        return False
    left = [kind for kind in ENCRYPTED if kind.model.objects.filter(**{f"{kind.key}__in": list(old)}).exists()]
    if left:
        return False
    DataKey.objects.filter(pk__in=list(old)).delete()
    epochs = sorted({row.kek_id for row in old.values()})
    told = DataKeysEnded(len(old), epochs, newest.pk)
    ports.record.get()(told, actor=Actor.system(scope.current(), "sweeper"))
    return True
