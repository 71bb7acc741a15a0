"""Salted commitments to content that is not in the record.

The event, the place in it and the length are inside the hash, so an opened value cannot be moved. The salt
is derived from a key that can be destroyed: after that even a guessable value cannot be confirmed.
"""

import hashlib

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

SALT_SIZE = 32


def salt(shred_key: bytes, event_id: str, path: str) -> bytes:
    """HKDF-SHA256 over the shred key; `path` is a JSON pointer into the event."""
    info = b"evb.salt.v1\0" + event_id.encode() + b"\0" + path.encode()
    return HKDF(hashes.SHA256(), SALT_SIZE, salt=None, info=info).derive(shred_key)


def commit(salt_bytes: bytes, event_id: str, path: str, content: bytes) -> str:
    """The commitment as 64 hex characters."""
    if len(salt_bytes) != SALT_SIZE:
        raise ValueError("a salt has 32 bytes")
    name, place = event_id.encode(), path.encode()
    parts = b"".join(
        [
            b"evb.commit.v1\0",
            salt_bytes,
            len(name).to_bytes(2, "big") + name,
            len(place).to_bytes(2, "big") + place,
            len(content).to_bytes(8, "big") + content,
        ]
    )
    return hashlib.sha256(parts).hexdigest()
