"""What a passkey signed (WebAuthn level 3, section 7.2): that a person was there and verified, for exactly one action.

The challenge is SHA-256 over the 64 characters of the action digest. Keys are COSE keys in the one encoding that
authenticators write (CTAP2 canonical CBOR): ES256, EdDSA (Ed25519), RS256 with 2048 bits.
"""

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from evidence.verify import der, jcs
from evidence.verify.malformed import Malformed
from evidence.verify.signing import signature_holds

MEMBERS = {"credential_id", "public_key", "authenticator_data", "client_data_json", "signature", "rp_id"}
ES256 = re.compile(rb"\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20(.{32})\x22\x58\x20(.{32})", re.DOTALL)
EDDSA = re.compile(rb"\xa4\x01\x01\x03\x27\x20\x06\x21\x58\x20(.{32})", re.DOTALL)
RS256 = re.compile(rb"\xa4\x01\x03\x03\x39\x01\x00\x20\x59\x01\x00(.{256})\x21\x43\x01\x00\x01", re.DOTALL)
RSA_EXPONENT = 65537
PRESENT, VERIFIED = 0x01, 0x04
_ORIGIN = re.compile(r"https?://([a-z0-9.-]+)(:[0-9]{1,5})?")
_TEXT = re.compile(r"[A-Za-z0-9_-]*")


@dataclass(frozen=True)
class Assertion:
    """`public_key` is the COSE key that was registered."""

    public_key: bytes
    authenticator_data: bytes
    client_data: bytes
    signature: bytes
    rp_id: str


def read(value: jcs.Json) -> Assertion | None:
    """What stands in the event `step_up.proved`; None when it is none."""
    if not isinstance(value, dict) or set(value) != MEMBERS or not isinstance(value["rp_id"], str):
        return None
    if _bytes(value["credential_id"]) is None:
        return None
    key, data = _bytes(value["public_key"]), _bytes(value["authenticator_data"])
    client, signature = _bytes(value["client_data_json"]), _bytes(value["signature"])
    if key is None or data is None or client is None or signature is None:
        return None
    return Assertion(key, data, client, signature, value["rp_id"])


def is_known(public_key: bytes) -> bool:
    """Can this verifier check signatures of such a key?"""
    return any(form.fullmatch(public_key) for form in (ES256, EDDSA, RS256))


def fault(assertion: Assertion, action_digest: str) -> str:
    """Why this does not say that the person was there for that action; empty when it does. The key must be known."""
    told = _client(assertion.client_data)
    if told is None or told.get("type") != "webauthn.get" or told.get("crossOrigin", False) is not False:
        return "is not what a browser signs"
    if told.get("challenge") != _text(hashlib.sha256(action_digest.encode()).digest()):
        return "is for another action"
    data, site = assertion.authenticator_data, hashlib.sha256(assertion.rp_id.encode()).digest()
    if not _is_at(told.get("origin", ""), assertion.rp_id) or data[:32] != site:
        return "was made for another site"
    if len(data) < 37 or data[32] & (PRESENT | VERIFIED) != PRESENT | VERIFIED:
        return "does not say that the person was verified"
    if not _holds(assertion, data + hashlib.sha256(assertion.client_data).digest()):
        return "has a signature that does not hold"
    return ""


def _client(data: bytes) -> dict[str, jcs.Json] | None:
    try:
        told = jcs.loads_lenient(data)
    except Malformed:
        return None
    return told if isinstance(told, dict) else None


def _is_at(origin: jcs.Json, rp_id: str) -> bool:
    found = _ORIGIN.fullmatch(origin) if isinstance(origin, str) else None
    return found is not None and (found[1] == rp_id or found[1].endswith(f".{rp_id}"))


def _holds(assertion: Assertion, message: bytes) -> bool:
    key = assertion.public_key
    if found := ES256.fullmatch(key):
        raw = _raw(assertion.signature)
        return raw is not None and signature_holds(b"\x04" + found[1] + found[2], raw, message)
    if found := EDDSA.fullmatch(key):
        return len(assertion.signature) == 64 and signature_holds(found[1], assertion.signature, message)
    found = RS256.fullmatch(key)
    return found is not None and _rsa_holds(found[1], assertion.signature, message)


def _rsa_holds(modulus: bytes, signature: bytes, message: bytes) -> bool:
    try:
        key = rsa.RSAPublicNumbers(RSA_EXPONENT, int.from_bytes(modulus)).public_key()
        key.verify(signature, message, padding.PKCS1v15(), SHA256())
    except (InvalidSignature, ValueError):
        return False
    return True


def _raw(signature: bytes) -> bytes | None:
    """r ‖ s of an ECDSA signature in DER."""
    try:
        numbers = [part.expect(der.INTEGER).content for part in der.sequence(der.read(signature), 2)]
    except Malformed:
        return None
    if len(numbers) != 2:
        return None
    r, s = _half(numbers[0]), _half(numbers[1])
    return r + s if r is not None and s is not None else None


def _half(number: bytes) -> bytes | None:
    """A positive integer of at most 32 bytes, in its shortest form."""
    if not number or number[0] >= 0x80 or (number[0] == 0 and (len(number) == 1 or number[1] < 0x80)):
        return None
    digits = number.lstrip(b"\0")
    return digits.rjust(32, b"\0") if len(digits) <= 32 else None


def _bytes(value: jcs.Json) -> bytes | None:
    """base64url without padding, in its one spelling."""
    if not isinstance(value, str) or not _TEXT.fullmatch(value) or len(value) % 4 == 1:
        return None
    try:
        data = base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))
    except (binascii.Error, ValueError):
        return None
    return data if _text(data) == value else None


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
