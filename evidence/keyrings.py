"""Which sealing keys speak for a tenant: made, rotated and announced here, signed by the root key."""

from dataclasses import dataclass
from hashlib import sha256
from uuid import UUID

from controlplane.lib import clock
from evidence import keys, recording
from evidence.events import KeyAnnounced
from evidence.models import KeyringVersion
from evidence.verify import dsse, keyring
from evidence.verify.keyring import Key, Keyring
from evidence.verify.signing import Signer, kid_of
from tenants.actors import Actor

LIFETIME_MS = 7 * 24 * 3600 * 1000
ROTATE_BEFORE_MS = 24 * 3600 * 1000


@dataclass(frozen=True)
class Sealing:
    """A key that may sign now, and the signed keyring that says so."""

    signer: Signer
    keyring: Keyring
    envelope: str


def sealing(tenant_id: UUID, use: str) -> Sealing:
    """The present sealing key of the current tenant; makes and announces one when none is good any more."""
    newest = KeyringVersion.objects.order_by("-version").first()
    signer = keys.sealing(tenant_id, use)
    if newest is not None and signer is not None:
        ring = keyring.parse(_payload(newest.envelope))
        if _is_good(ring, signer, use):
            return Sealing(signer, ring, newest.envelope)
    _renew(tenant_id)
    return sealing(tenant_id, use)


def newest_envelope() -> str | None:
    row = KeyringVersion.objects.order_by("-version").first()
    return row.envelope if row else None


def _renew(tenant_id: UUID) -> None:
    """Replace what is missing or near its end. The root is loaded first: both take the same file lock."""
    root = keys.root()
    with keys.one_writer():
        newest = KeyringVersion.objects.order_by("-version").first()
        before = keyring.parse(_payload(newest.envelope)) if newest else None
        ring = _renewed(tenant_id, before)
        envelope = dsse.seal(keyring.PAYLOAD_TYPE, ring.payload(), root).decode()
        row = KeyringVersion(version=ring.version, envelope=envelope)
        KeyringVersion.objects.bulk_create([row], ignore_conflicts=True)
    announcement = KeyAnnounced(ring.version, sha256(envelope.encode()).hexdigest())
    actor = Actor.system(tenant_id, "sealer")
    recording.write_many([recording.Entry(announcement, actor, None)])


def _renewed(tenant_id: UUID, before: Keyring | None) -> Keyring:
    now = clock.now_ms()
    known = list(before.keys) if before else []
    for use in keyring.USES:
        signer = keys.sealing(tenant_id, use)
        if signer is None or before is None or not _is_good(before, signer, use):
            fresh = keys.make_sealing(tenant_id, use)
            known.append(Key(fresh.public, use, now, now + LIFETIME_MS))
    version = before.version + 1 if before else 1
    return Keyring(version, recording.scope_of(tenant_id), now, tuple(known))


def _is_good(ring: Keyring, signer: Signer, use: str) -> bool:
    key = ring.find(kid_of(signer.public), use)
    if key is None or key.revoked_at is not None:
        return False
    return key.not_before <= clock.now_ms() <= key.not_after - ROTATE_BEFORE_MS


def _payload(envelope: str) -> bytes:
    return dsse.parse(envelope.encode(), keyring.PAYLOAD_TYPE).payload
