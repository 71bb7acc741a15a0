"""Standard Webhooks 1.0.0, symmetric signatures (`v1`): github.com/standard-webhooks/standard-webhooks. Pure."""

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from connectors.errors import SignatureRefused
from connectors.signing import fresh, header, signer

_ID = re.compile(r"[A-Za-z0-9_-]{1,256}")
_PREFIX = b"whsec_"
_SHORTEST_KEY, _LONGEST_KEY = 24, 64
_MOST_SIGNATURES = 8
_DIGEST_BYTES = 32


@dataclass(frozen=True, slots=True)
class Verified:
    """`webhook_id` is the same on every redelivery; `secret_index` says which of the given secrets signed."""

    webhook_id: str
    secret_index: int


def verify(*, headers: Mapping[str, str], body: bytes, secrets: Sequence[bytes], now_s: int) -> Verified:
    """Check one delivery. Header names in lower case, `body` the raw bytes, secrets as `whsec_<base64>`.

    Several secrets are several keys in rotation. Raises SignatureRefused for anything that is not exactly right.
    """
    webhook_id = header(headers, "webhook-id", limit=256)
    if not _ID.fullmatch(webhook_id):
        raise SignatureRefused("bad webhook-id")
    timestamp = header(headers, "webhook-timestamp", limit=12)
    fresh(timestamp, now_s)
    offered = _offered(header(headers, "webhook-signature", limit=2048))
    keys = [key_of(secret) for secret in secrets]
    signed = b"%b.%b.%b" % (webhook_id.encode(), timestamp.encode(), body)
    return Verified(webhook_id, signer(keys, signed, offered))


def key_of(secret: bytes) -> bytes:
    """The 24 to 64 key bytes of a `whsec_` secret; raises SignatureRefused, so that a broken one opens nothing."""
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except binascii.Error as error:
        raise SignatureRefused("a stored secret is not base64") from error
    if not secret.startswith(_PREFIX) or not _SHORTEST_KEY <= len(key) <= _LONGEST_KEY:
        raise SignatureRefused("a stored secret is not a whsec_ secret of 24 to 64 bytes")
    return key


def _offered(value: str) -> list[bytes]:
    """The `v1` signatures of the header; other versions are skipped, malformed ones are no match."""
    parts = [part.partition(",") for part in value.split(" ")[:_MOST_SIGNATURES]]
    found = [_decoded(text) for version, _, text in parts if version == "v1"]
    return [signature for signature in found if len(signature) == _DIGEST_BYTES]


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        return b""
