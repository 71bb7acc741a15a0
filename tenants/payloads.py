"""Content by digest: encrypted, expiring. Evidence keeps commitments; the content itself lives here, for a while.

Who keeps content may name its holder, a run: what it holds is erased with one word, and nobody else's with it.
"""

import json
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import F, Q

from controlplane.lib import clock
from controlplane.lib.canonical import canonical, sha256_hex
from tenants import datakeys, quick
from tenants.errors import PayloadExpired
from tenants.models import DataKey, Payload
from tenants.models.secrets import NOBODY

NEAR_ENOUGH = timedelta(hours=1)
"""What is kept for almost as long is not kept anew: its row would be locked, and all who have the same to keep wait."""

SAYS_NOTHING = frozenset({b"{}", b"[]", b"null"})
"""Half of all outputs. There is nothing in them to erase, so they have no holder."""

_NEARLY = timedelta(days=1)
_KEPT_LONGER = "ON CONFLICT (tenant_id, digest, holder) DO UPDATE SET expires_at = EXCLUDED.expires_at"
Held = tuple[bytes, UUID]
"""Content and its holder."""


def put(content: bytes, media_type: str = "application/json") -> str:
    """Keep content for the configured days, or an hour less; returns its SHA-256 (64 hex). Same content, one row."""
    return put_many([content], media_type)[0]


def put_many(contents: Sequence[bytes], media_type: str = "application/json") -> list[str]:
    """Keep all of it in one statement; returns the digests in the same order. Rows are locked in digest order."""
    return put_held([(content, NOBODY) for content in contents], media_type)


def put_held(contents: Sequence[Held], media_type: str = "application/json") -> list[str]:
    """Like `put_many`, each with its holder: one row per content and holder."""
    digests = [sha256_hex(content) for content, _ in contents]
    wanted = {
        (digest, NOBODY if content in SAYS_NOTHING else holder): content
        for digest, (content, holder) in zip(digests, contents, strict=True)
    }
    missing = sorted(wanted.keys() - _held(digests, until=_end() - NEAR_ENOUGH))
    rows = [_row(digest, holder, wanted[digest, holder], media_type) for digest, holder in missing]
    quick.insert(rows, on_conflict=_KEPT_LONGER)
    return digests


def share(digests: Collection[str], holder: UUID) -> None:
    """Have another hold content that is kept; what is not kept any more is passed over."""
    put_held([(content, holder) for content in get_many(sorted(digests)).values()])


def _end() -> datetime:
    return clock.now() + timedelta(days=settings.INTERLOCK_PAYLOAD_DAYS)


def _held(digests: Collection[str], *, until: datetime) -> set[tuple[str, UUID]]:
    rows = Payload.objects.filter(digest__in=digests, expires_at__gt=until)
    return set(rows.values_list("digest", "holder"))


def _row(digest: str, holder: UUID, content: bytes, media_type: str) -> Payload:
    key, ciphertext = datakeys.encrypt(content, f"payload|{digest}")
    return Payload(
        digest=digest, holder=holder, media_type=media_type, key=key, ciphertext=ciphertext, expires_at=_end()
    )


def get(digest: str) -> bytes:
    """The content; raises PayloadExpired when it is past its time, erased or was never kept."""
    found = get_many([digest])
    if digest not in found:
        raise PayloadExpired(f"the content {digest[:12]}… is no longer kept")
    return found[digest]


def get_many(digests: Sequence[str]) -> dict[str, bytes]:
    """The contents that are still kept, by digest, in one statement."""
    if not digests:
        return {}
    rows = quick.find(Payload, digest=list(digests)) if len(digests) > 1 else quick.find(Payload, digest=digests[0])
    kept = [row for row in rows if row.expires_at > clock.now()]
    data_keys = datakeys.get_many({row.key_id for row in kept})
    return {row.digest: _opened(row, data_keys[row.key_id]) for row in kept}


def _opened(row: Payload, data_key: DataKey) -> bytes:
    return datakeys.decrypt(data_key, bytes(row.ciphertext), f"payload|{row.digest}")


def put_json(value: object) -> str:
    return put(canonical(value))


def get_json(digest: str) -> Any:
    return json.loads(get(digest))


def known(digests: Collection[str]) -> set[str]:
    """Those of them whose content can still be read."""
    return {digest for digest, _ in _held(digests, until=clock.now())}


def everything(batch: int = 500) -> Iterator[tuple[str, bytes]]:
    """All content of the tenant with its digest, also what is past its time and not erased yet."""
    for row in Payload.objects.order_by("id").iterator(batch):
        yield row.digest, _opened(row, datakeys.get(row.key_id))


def forget(digests: list[str]) -> int:
    """Erase content at once, whoever holds it."""
    return Payload.objects.filter(digest__in=digests).delete()[0]


def forget_held(holders: Collection[UUID]) -> int:
    """Erase at once what these hold (a tenant that did not opt in keeps none after a run closes)."""
    return Payload.objects.filter(holder__in=holders).exclude(holder=NOBODY).delete()[0]


def oldest_needed() -> datetime:
    """Only what has been open since before this moment can have content whose time is about to end."""
    return clock.now() + _NEARLY - timedelta(days=settings.INTERLOCK_PAYLOAD_DAYS)


def prolong(*, holders: Collection[UUID], digests: Collection[str]) -> int:
    """What these hold, or name and nobody holds, and is about to end is kept for as long as new content; returns how
    many rows."""
    ending = Payload.objects.filter(Q(holder__in=holders) | Q(digest__in=digests, holder=NOBODY))
    return ending.filter(expires_at__lte=clock.now() + _NEARLY).update(expires_at=_end())


def forget_expired(limit: int = 1000) -> int:
    """Erase what is past its time, oldest first; returns how many rows."""
    due = Payload.objects.filter(expires_at__lte=clock.now()).order_by(F("expires_at"))[:limit]
    return Payload.objects.filter(pk__in=list(due.values_list("pk", flat=True))).delete()[0]
