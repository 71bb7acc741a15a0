"""Signatures behind one protocol: Ed25519 everywhere, ES256 for root keys of services that know no Ed25519.

A public key is raw bytes, and its size says what it is: 32 bytes are Ed25519 (RFC 8032), 65 bytes are a point on P-256,
uncompressed (SEC 1 §2.3.3). An ES256 signature is r ‖ s, 64 bytes (RFC 7518 §3.4).
"""

import hashlib
from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

PUBLIC_KEY_SIZE = 32
SIGNATURE_SIZE = 64
ALGORITHMS = {PUBLIC_KEY_SIZE: "ed25519", 65: "es256"}


class Signer(Protocol):
    """Something that holds a key and signs with it, without showing it."""

    @property
    def public(self) -> bytes:
        """The raw public key: 32 bytes (Ed25519) or 65 bytes (ES256)."""

    def sign(self, message: bytes) -> bytes:
        """The signature over the message itself, 64 bytes."""


class LocalSigner:
    """A key in the memory of this process."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key

    @property
    def public(self) -> bytes:
        return self._key.public_key().public_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        return self._key.sign(message)


def algorithm_of(public: bytes) -> str:
    """`ed25519` or `es256`; raises ValueError for bytes of another size."""
    if len(public) not in ALGORITHMS:
        raise ValueError("a public key of 32 or 65 bytes expected")
    return ALGORITHMS[len(public)]


def kid_of(public: bytes) -> str:
    """The identifier of a key: a digest of it, so it cannot be claimed by another key."""
    return f"{algorithm_of(public)}:{hashlib.sha256(public).hexdigest()[:32]}"


def signature_holds(public: bytes, signature: bytes, message: bytes) -> bool:
    try:
        if algorithm_of(public) == "es256":
            _verify_es256(public, signature, message)
        else:
            Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def _verify_es256(public: bytes, signature: bytes, message: bytes) -> None:
    if len(signature) != SIGNATURE_SIZE:
        raise ValueError("an ES256 signature has 64 bytes")
    r, s = (int.from_bytes(half) for half in (signature[:32], signature[32:]))
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public)
    key.verify(encode_dss_signature(r, s), message, ec.ECDSA(SHA256()))
