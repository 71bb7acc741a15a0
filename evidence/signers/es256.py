"""Between the forms that services speak and the one that the record keeps: see `evidence.verify.signing`."""

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
    load_pem_public_key,
)

from evidence.errors import SignerUnavailable

HALF = 32


def public_of_der(spki: bytes) -> bytes:
    return _raw(load_der_public_key(spki))


def public_of_pem(pem: bytes) -> bytes:
    return _raw(load_pem_public_key(pem))


def signature_of_der(signature: bytes) -> bytes:
    """r ‖ s of an ECDSA signature in ASN.1."""
    r, s = decode_dss_signature(signature)
    return r.to_bytes(HALF) + s.to_bytes(HALF)


def _raw(key: PublicKeyTypes) -> bytes:
    if isinstance(key, Ed25519PublicKey):
        return key.public_bytes_raw()
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    raise SignerUnavailable("a root key is Ed25519 or on P-256")
