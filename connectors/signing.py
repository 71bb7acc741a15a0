"""What the two signature schemes share. Pure: bytes in, a verdict out, never another exception."""

import hashlib
import hmac
from collections.abc import Mapping, Sequence

from connectors.errors import SignatureRefused

TOLERANCE_S = 300


def header(headers: Mapping[str, str], name: str, *, limit: int) -> str:
    """A required header (names in lower case), printable ASCII and not longer than `limit`."""
    value = headers.get(name, "")
    if not value or len(value) > limit or not (value.isascii() and value.isprintable()):
        raise SignatureRefused(f"bad {name}")
    return value


def fresh(timestamp: str, now_s: int) -> None:
    """Digits only, and within five minutes of now in both directions."""
    if not timestamp.isdigit() or len(timestamp) > 12:
        raise SignatureRefused("bad timestamp")
    if abs(now_s - int(timestamp)) > TOLERANCE_S:
        raise SignatureRefused("timestamp outside the window")


def signer(keys: Sequence[bytes], signed: bytes, signatures: Sequence[bytes]) -> int:
    """Which key made one of the signatures (HMAC-SHA256); every pair is compared, in constant time each."""
    found = [
        index
        for index, key in enumerate(keys)
        for signature in signatures
        if hmac.compare_digest(hmac.new(key, signed, hashlib.sha256).digest(), signature)
    ]
    if not found:
        raise SignatureRefused("no secret matches")
    return found[0]
