"""Compact JWS with ES256 (RFC 7515, RFC 7518 §3.4), signed deterministically (RFC 6979). Pure.

One algorithm, no negotiation: a token of any other `alg` is refused.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

_WIDTH = 32


class BadToken(ValueError):
    """Not signed by a trusted key, or not a token of the expected type."""


def sign(payload: Mapping[str, Any], *, key: ec.EllipticCurvePrivateKey, kid: str, typ: str) -> str:
    """`header.payload.signature`; the same input gives the same token."""
    header = {"alg": "ES256", "kid": kid, "typ": typ}
    signed = f"{_encoded(header)}.{_encoded(payload)}"
    der = key.sign(signed.encode(), ec.ECDSA(hashes.SHA256(), deterministic_signing=True))
    r, s = decode_dss_signature(der)
    return f"{signed}.{_base64(r.to_bytes(_WIDTH, 'big') + s.to_bytes(_WIDTH, 'big'))}"


def verify(token: str, *, keys: Mapping[str, ec.EllipticCurvePublicKey], typ: str) -> dict[str, Any]:
    """The payload of a token signed by one of `keys` (by key id); raises BadToken."""
    try:
        header_part, payload_part, signature_part = token.split(".")
        header, payload = _decoded(header_part), _decoded(payload_part)
        signature = _bytes(signature_part)
    except (ValueError, binascii.Error, RecursionError) as error:
        raise BadToken("not a compact JWS") from error
    key = keys.get(str(header.get("kid")))
    if header.get("alg") != "ES256" or header.get("typ") != typ or key is None or len(signature) != 2 * _WIDTH:
        raise BadToken("another algorithm, type or key than we sign with")
    r, s = int.from_bytes(signature[:_WIDTH], "big"), int.from_bytes(signature[_WIDTH:], "big")
    try:
        signed = f"{header_part}.{payload_part}".encode()
        key.verify(encode_dss_signature(r, s), signed, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature as error:
        raise BadToken("the signature does not fit") from error
    return payload


def _encoded(value: Mapping[str, Any]) -> str:
    return _base64(json.dumps(value, sort_keys=True, separators=(",", ":")).encode())


def _decoded(part: str) -> dict[str, Any]:
    value = json.loads(_bytes(part))
    if not isinstance(value, dict):
        raise BadToken("a part of the token is not an object")
    return value


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _bytes(part: str) -> bytes:
    return base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
