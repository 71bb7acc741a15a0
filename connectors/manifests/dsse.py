"""DSSE envelopes with one Ed25519 signature (github.com/secure-systems-lab/dsse, protocol v1). Pure."""

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from connectors.errors import ManifestInvalid
from controlplane.lib.canonical import sha256_hex


def key_id(key: Ed25519PublicKey) -> str:
    """SHA-256 of the raw public key, hex."""
    return sha256_hex(key.public_bytes_raw())


def seal(payload: bytes, payload_type: str, key: Ed25519PrivateKey) -> dict[str, Any]:
    signature = key.sign(_pre_authentication(payload_type, payload))
    return {
        "payloadType": payload_type,
        "payload": base64.b64encode(payload).decode(),
        "signatures": [{"keyid": key_id(key.public_key()), "sig": base64.b64encode(signature).decode()}],
    }


def open_envelope(envelope: Any, payload_type: str, keys: Mapping[str, Ed25519PublicKey]) -> bytes:
    """The payload, if one of the trusted keys signed it; else ManifestInvalid."""
    try:
        payload = base64.b64decode(envelope["payload"], validate=True)
        signatures = [
            (str(item["keyid"]), base64.b64decode(item["sig"], validate=True)) for item in envelope["signatures"]
        ]
        declared = envelope["payloadType"]
    except (KeyError, TypeError, binascii.Error) as error:
        raise ManifestInvalid("the envelope is malformed") from error
    if declared != payload_type:
        raise ManifestInvalid(f"payload type {declared!r} is not a manifest")
    signed = _pre_authentication(payload_type, payload)
    if not any(_signed_by(keys.get(identity), signature, signed) for identity, signature in signatures):
        raise ManifestInvalid("no trusted key signed this manifest")
    return payload


def _signed_by(key: Ed25519PublicKey | None, signature: bytes, signed: bytes) -> bool:
    if key is None:
        return False
    try:
        key.verify(signature, signed)
    except InvalidSignature:
        return False
    return True


def _pre_authentication(payload_type: str, payload: bytes) -> bytes:
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)
