"""Opted-in content: sealed under its subject's key, opened while that key is there, forgotten when its time is over."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from uuid import UUID

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.db import connection

from controlplane.lib import clock
from evidence import shredding
from evidence.models import Content, LegalHold
from tenants import keys, scope

USUAL_DAYS = 30
BATCH = 500

_TERMS = """
SELECT t.keep_content, coalesce(r.content_days, %s) FROM tenants_tenant t
  LEFT JOIN evidence_retention r ON r.tenant_id = t.id WHERE t.id = %s
"""


def days() -> int:
    """How long the entered tenant keeps content; 0 when it did not opt in."""
    with connection.cursor() as cursor:
        cursor.execute(_TERMS, [USUAL_DAYS, scope.current()])
        opted_in, lasting = cursor.fetchone()
    return int(lasting) if opted_in else 0


def row(shred_key: bytes, subject_id: UUID, event_id: UUID, path: str, content: bytes, kept_days: int) -> Content:
    """Not saved."""
    sealed = keys.seal(_aead(shred_key, event_id, path), content, _about(event_id, path))
    expires_at = clock.now() + timedelta(days=kept_days)
    return Content(event_id=event_id, subject_id=subject_id, path=path, ciphertext=sealed, expires_at=expires_at)


def opened(event_ids: Sequence[UUID], shred_key: bytes) -> list[tuple[Content, bytes]]:
    """What is kept of these events and not past its time, in one order."""
    kept = Content.objects.filter(event_id__in=event_ids).order_by("event_id", "path")
    held = _held({item.subject_id for item in kept})
    now = clock.now()
    return [(item, _open(item, shred_key)) for item in kept if item.expires_at > now or item.subject_id in held]


def everything() -> Iterator[tuple[Content, bytes]]:
    """All content of the tenant that any key opens."""
    found = Content.objects.order_by("subject_id", "id")
    shred_keys: dict[UUID, bytes] = {}
    for item in found.iterator(BATCH):
        if item.subject_id not in shred_keys:
            shred_keys = shredding.find_many([item.subject_id])
        if item.subject_id in shred_keys:
            yield item, _open(item, shred_keys[item.subject_id])


def forget(subject_ids: Sequence[UUID]) -> int:
    return Content.objects.filter(subject_id__in=subject_ids).delete()[0]


def forget_expired(limit: int = 1000) -> int:
    """Erase content that is past its time, oldest first, unless its run is held; returns how many."""
    held = LegalHold.objects.filter(released_at=None).values("run_id")
    due = Content.objects.filter(expires_at__lte=clock.now()).exclude(subject_id__in=held).order_by("expires_at")
    return Content.objects.filter(pk__in=list(due.values_list("pk", flat=True)[:limit])).delete()[0]


def _held(subjects: set[UUID]) -> set[UUID]:
    holds = LegalHold.objects.filter(released_at=None, run_id__in=subjects) if subjects else LegalHold.objects.none()
    return set(holds.values_list("run_id", flat=True))


def _open(item: Content, shred_key: bytes) -> bytes:
    about = _about(item.event_id, item.path)
    return keys.unseal(_aead(shred_key, item.event_id, item.path), bytes(item.ciphertext), about)


def _aead(shred_key: bytes, event_id: UUID, path: str) -> AESGCM:
    info = b"evb.content.v1\0" + _about(event_id, path)
    return AESGCM(HKDF(hashes.SHA256(), 32, salt=None, info=info).derive(shred_key))


def _about(event_id: UUID, path: str) -> bytes:
    return str(event_id).encode() + b"\0" + path.encode()
