"""Which sealing keys speak for a tenant: made, rotated, revoked and announced here, signed by the root keys.

A key is replaced a day before its end, so that two keys are good while sequencers change over; one that is revoked is
replaced at once. When no root key can sign just then, the present key goes on until it expires.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import sha256
from itertools import takewhile
from uuid import UUID

from django.conf import settings
from django.db import connection

from controlplane.lib import clock
from controlplane.lib.errors import NotFound
from controlplane.lib.logs import get_logger
from evidence import keys, recording, signers
from evidence.errors import SignerUnavailable
from evidence.events import KeyAnnounced, KeyRevoked
from evidence.models import KeyringVersion
from evidence.verify import dsse, keyring
from evidence.verify.keyring import Key, Keyring
from evidence.verify.signing import Signer, kid_of
from tenants.actors import Actor

LIFETIME_MS = 7 * 24 * 3600 * 1000
ROTATE_BEFORE_MS = 24 * 3600 * 1000
RETRY_ROOT_S = 60.0

log = get_logger(__name__)
_resting = {"until": 0.0}


@dataclass(frozen=True)
class Sealing:
    """A key that may sign now, and the signed keyring that says so."""

    signer: Signer
    keyring: Keyring
    envelope: str


def sealing(tenant_id: UUID, use: str) -> Sealing:
    """The present sealing key of the current tenant; makes and announces one when none is good any more."""
    present = _present(tenant_id, use)
    if present is not None and _rests() and _is_good(present, use):
        return present
    try:
        if present is None or not _is_fresh(present, use):
            _take_turn(tenant_id)
            present = _present(tenant_id, use)
        if present is None or not _is_fresh(present, use):
            _renew(tenant_id)
            present = _present(tenant_id, use)
    except SignerUnavailable:
        if present is None or not _is_good(present, use):
            raise
        _rest()
    assert present is not None, "made just now"
    return present


def newest() -> tuple[Keyring, str] | None:
    """The keyring of the current tenant and its signed form."""
    row = KeyringVersion.objects.order_by("-version").first()
    return (_ring(row.envelope), row.envelope) if row else None


def newest_envelope() -> str | None:
    found = newest()
    return found[1] if found else None


def revoked_since() -> int:
    """The version that made the last revocation known: an older keyring hides it. 1 when nothing was revoked."""
    envelopes = KeyringVersion.objects.order_by("-version").values_list("envelope", flat=True)
    rings = [keyring.parse(_payload(envelope)) for envelope in envelopes]
    same = takewhile(lambda ring: _revocations(ring) == _revocations(rings[0]), rings)
    return min((ring.version for ring in same), default=1)


def root_keys() -> tuple[bytes, ...]:
    """The public halves of the root keys, the newest first."""
    return tuple(_root_public(address, str(settings.INTERLOCK_DATA_DIR)) for address in settings.INTERLOCK_ROOT_KEYS)


def rotate(use: str, *, actor: Actor) -> Key:
    """Replace the key of one use now. What it has signed stays good, and it stays in the keyring until its end."""
    with keys.one_writer():
        keys.destroy_sealing(actor.tenant_id, use)
    _renew(actor.tenant_id, actor=actor)
    return _present_key(actor.tenant_id, use)


def revoke(kid: str, *, reason: str, at_ms: int, actor: Actor) -> Key:
    """Declare that a key speaks for nobody since `at_ms`; raises NotFound. A key in use is destroyed and replaced.

    What it signed before counts on only where a third party's time shows that it existed before.
    """
    found = newest()
    key = next((key for key in found[0].keys if key.kid == kid), None) if found else None
    if found is None or key is None:
        raise NotFound(f"{kid} is in no keyring")
    with keys.one_writer():
        present = keys.sealing(actor.tenant_id, key.use)
        if present is not None and kid_of(present.public) == kid:
            keys.destroy_sealing(actor.tenant_id, key.use)
    _renew(actor.tenant_id, actor=actor, revoking=(kid, at_ms))
    _tell(KeyRevoked(kid, key.use, at_ms, reason), actor)
    return key


def _revocations(ring: Keyring) -> set[tuple[str, int]]:
    return {(key.kid, key.revoked_at) for key in ring.keys if key.revoked_at is not None}


def _rest() -> None:
    log.exception("the present sealing key goes on: no root key can be reached")
    _resting["until"] = clock.monotonic() + RETRY_ROOT_S


def _rests() -> bool:
    """A root key that did not answer is left alone for a while: who signs heads must not wait for it each time."""
    return clock.monotonic() < _resting["until"]


def _present(tenant_id: UUID, use: str) -> Sealing | None:
    found, signer = newest(), keys.sealing(tenant_id, use)
    if found is None or signer is None or found[0].find(kid_of(signer.public), use) is None:
        return None
    return Sealing(signer, found[0], found[1])


def _present_key(tenant_id: UUID, use: str) -> Key:
    present = _present(tenant_id, use)
    key = present.keyring.find(kid_of(present.signer.public), use) if present else None
    assert key is not None, "made just now"
    return key


def _renew(tenant_id: UUID, *, actor: Actor | None = None, revoking: tuple[str, int] | None = None) -> None:
    """Replace what is missing or near its end. The roots are opened first: the first use of one takes the file lock."""
    roots = keys.roots()
    _take_turn(tenant_id)
    with keys.one_writer():
        before = newest()
        ring = _renewed(tenant_id, before, revoking)
        envelope = dsse.seal(keyring.PAYLOAD_TYPE, ring.payload(), *roots).decode()
        row = KeyringVersion(version=ring.version, envelope=envelope)
        KeyringVersion.objects.bulk_create([row], ignore_conflicts=True)
    announcement = KeyAnnounced(ring.version, sha256(envelope.encode()).hexdigest())
    _tell(announcement, actor or Actor.system(tenant_id, "sealer"))


def _take_turn(tenant_id: UUID) -> None:
    """One at a time per tenant until this transaction ends: a key's file changes at once, its row at the commit."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"keyring {tenant_id}"])


def _renewed(tenant_id: UUID, before: tuple[Keyring, str] | None, revoking: tuple[str, int] | None) -> Keyring:
    now = clock.now_ms()
    version = before[0].version + 1 if before else 1
    known = [_revoked(key, revoking) for key in before[0].keys] if before else []
    for use in keyring.USES:
        signer = keys.sealing(tenant_id, use)
        if signer is None or before is None or not _is_good(Sealing(signer, *before), use, ROTATE_BEFORE_MS):
            fresh = keys.make_sealing(tenant_id, use)
            known.append(Key(fresh.public, use, now, now + LIFETIME_MS))
    return Keyring(version, recording.scope_of(tenant_id), now, tuple(known))


def _revoked(key: Key, revoking: tuple[str, int] | None) -> Key:
    """An earlier time, once said, is not taken back."""
    if revoking is None or key.kid != revoking[0]:
        return key
    return replace(key, revoked_at=min(revoking[1], key.revoked_at or revoking[1]))


def _is_fresh(present: Sealing, use: str) -> bool:
    """Good for a day more, and announced by every root key there is."""
    return _is_good(present, use, ROTATE_BEFORE_MS) and _signed_by(present.envelope, root_keys())


def _is_good(present: Sealing, use: str, ahead_ms: int = 0) -> bool:
    key = present.keyring.find(kid_of(present.signer.public), use)
    if key is None or key.revoked_at is not None:
        return False
    return key.not_before <= clock.now_ms() <= key.not_after - ahead_ms


def _signed_by(envelope: str, roots: Sequence[bytes]) -> bool:
    return {kid_of(public) for public in roots} <= _signers(envelope)


@lru_cache(maxsize=64)
def _signers(envelope: str) -> frozenset[str]:
    return frozenset(kid for kid, _ in dsse.parse(envelope.encode(), keyring.PAYLOAD_TYPE).signatures)


@lru_cache(maxsize=64)
def _root_public(address: str, _data_folder: str) -> bytes:
    """Asked once per process: the key at an address is fixed, and a service takes time to say it."""
    return signers.open_signer(address).public


def _tell(event: object, actor: Actor) -> None:
    recording.write_many([recording.Entry(event, actor, None)])


@lru_cache(maxsize=64)
def _ring(envelope: str) -> Keyring:
    """Read once per process: whoever signs heads asks for the same one each time."""
    return keyring.parse(_payload(envelope))


def _payload(envelope: str) -> bytes:
    return dsse.parse(envelope.encode(), keyring.PAYLOAD_TYPE).payload
