"""RFC 3161 time-stamp tokens, judged offline against a certificate that the auditor has pinned.

Only the pinned certificate counts: no chain, no store, nothing that the token brings along. The token must name it
(issuer and serial number, and its digest in the signed attributes, RFC 5816), and its signature must hold by its key.
"""

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from evidence.verify import der
from evidence.verify.der import Element
from evidence.verify.malformed import Malformed

_SIGNED_DATA = bytes.fromhex("2a864886f70d010702")
_TST_INFO = bytes.fromhex("2a864886f70d0109100104")
_CONTENT_TYPE = bytes.fromhex("2a864886f70d010903")
_MESSAGE_DIGEST = bytes.fromhex("2a864886f70d010904")
_SIGNING_CERTIFICATE = bytes.fromhex("2a864886f70d010910020c")
_SIGNING_CERTIFICATE_V2 = bytes.fromhex("2a864886f70d010910022f")
_HASHES: dict[bytes, hashes.HashAlgorithm] = {
    bytes.fromhex("608648016503040201"): hashes.SHA256(),
    bytes.fromhex("608648016503040202"): hashes.SHA384(),
    bytes.fromhex("608648016503040203"): hashes.SHA512(),
}
_SHA256 = bytes.fromhex("608648016503040201")
_RSA_SIGNATURES = {bytes.fromhex("2a864886f70d0101") + bytes([last]) for last in (1, 11, 12, 13)}
_EC_SIGNATURES = {bytes.fromhex("2a8648ce3d0403") + bytes([last]) for last in (2, 3, 4)}
_CURVES = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)
_CONTEXT_0 = 0xA0
_TIME = re.compile(rb"(\d{14})(\.\d{1,9})?Z")
_STAMPS = "1.3.6.1.5.5.7.3.8"


@dataclass(frozen=True)
class Token:
    """A parsed token: `imprint` (SHA-256) existed at `time_ms`, if its signature holds."""

    imprint: bytes
    time_ms: int
    issuer: bytes
    serial: int
    content: bytes
    digest: bytes
    attributes: bytes
    content_digest: bytes
    certificate_digest: tuple[str, bytes]
    algorithm: bytes
    signature: bytes

    def names(self, certificate: bytes) -> bool:
        """Does it claim to be signed by the key of this certificate (DER)?"""
        pinned = _certificate(certificate)
        return (self.issuer, self.serial) == (pinned.issuer.public_bytes(), pinned.serial_number)

    def holds(self, certificate: bytes) -> bool:
        """Signed by the key of this certificate, which may stamp times and was valid at that time."""
        pinned = _certificate(certificate)
        at = datetime.fromtimestamp(self.time_ms / 1000, UTC)
        if not (pinned.not_valid_before_utc <= at <= pinned.not_valid_after_utc and _may_stamp(pinned)):
            return False
        return self._attributes_fit(certificate) and self._signature_holds(pinned)

    def _attributes_fit(self, certificate: bytes) -> bool:
        name, named = self.certificate_digest
        if named != hashlib.new(name, certificate, usedforsecurity=name != "sha1").digest():
            return False
        return self.content_digest == hashlib.new(_HASHES[self.digest].name, self.content).digest()

    def _signature_holds(self, pinned: x509.Certificate) -> bool:
        key, algorithm = pinned.public_key(), _HASHES[self.digest]
        try:
            if isinstance(key, rsa.RSAPublicKey) and self.algorithm in _RSA_SIGNATURES:
                key.verify(self.signature, self.attributes, padding.PKCS1v15(), algorithm)
            elif (
                isinstance(key, ec.EllipticCurvePublicKey)
                and isinstance(key.curve, _CURVES)
                and self.algorithm in _EC_SIGNATURES
            ):
                key.verify(self.signature, self.attributes, ec.ECDSA(algorithm))
            else:
                return False
        except InvalidSignature:
            return False
        return True


def parse(data: bytes) -> Token:
    """Read a TimeStampToken; raises Malformed for one that is not of the form that this format keeps."""
    kind, wrapped = der.sequence(der.read(data), 2)[:2]
    if kind.content != _SIGNED_DATA:
        raise _malformed("not signed data")
    signed = der.sequence(_only(wrapped.expect(_CONTEXT_0)), 4)
    content = _content(signed[2])
    signer = der.sequence(_only(signed[-1].expect(der.SET)), 6)
    name, digest, attributes, algorithm, signature = signer[1:6]
    issuer, serial = der.sequence(name, 2)[:2]
    if _oid(digest) not in _HASHES:
        raise _malformed("a digest other than SHA-2")
    imprint, time_ms = _info(content)
    signed_attributes = bytes([der.SET]) + attributes.expect(_CONTEXT_0).raw[1:]
    found = _attributes(signed_attributes)
    return Token(
        imprint,
        time_ms,
        issuer.raw,
        int.from_bytes(serial.expect(der.INTEGER).content),
        content,
        _oid(digest),
        signed_attributes,
        _only(found[_MESSAGE_DIGEST]).expect(der.OCTETS).content,
        _certificate_digest(found),
        _oid(algorithm),
        signature.expect(der.OCTETS).content,
    )


def _content(encapsulated: Element) -> bytes:
    kind, wrapped = der.sequence(encapsulated, 2)[:2]
    if kind.content != _TST_INFO:
        raise _malformed("not a time stamp")
    return _only(wrapped.expect(_CONTEXT_0)).expect(der.OCTETS).content


def _info(content: bytes) -> tuple[bytes, int]:
    parts = der.sequence(der.read(content), 5)
    pair = der.sequence(parts[2], 2)
    if len(pair) != 2:
        raise _malformed("the stamped digest is not SHA-256")
    algorithm, imprint = pair
    if _oid(algorithm) != _SHA256 or len(imprint.expect(der.OCTETS).content) != 32:
        raise _malformed("the stamped digest is not SHA-256")
    return imprint.content, _time_ms(parts[4].expect(der.GENERALIZED_TIME).content)


def _time_ms(text: bytes) -> int:
    """Milliseconds since 1970; what is finer is cut off."""
    found = _TIME.fullmatch(text)
    if found is None:
        raise _malformed("not a time in UTC")
    try:
        second = datetime.strptime(found[1].decode(), "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError as error:
        raise _malformed("not a time in UTC") from error
    return int(second.timestamp()) * 1000 + int((found[2] or b".0")[1:4].ljust(3, b"0"))


def _attributes(signed: bytes) -> dict[bytes, Element]:
    """Each attribute once, and the two that CMS asks for (RFC 5652 §5.3)."""
    pairs = [der.sequence(attribute, 2) for attribute in der.read(signed).parts()]
    found = {kind.expect(der.OID).content: values.expect(der.SET) for kind, values, *_ in pairs}
    if len(found) < len(pairs) or not {_CONTENT_TYPE, _MESSAGE_DIGEST} <= set(found):
        raise _malformed("signed attributes are missing or doubled")
    if _only(found[_CONTENT_TYPE]).content != _TST_INFO:
        raise _malformed("the signature is over something else")
    return found


def _certificate_digest(found: dict[bytes, Element]) -> tuple[str, bytes]:
    """ESSCertID holds a SHA-1 (RFC 2634), ESSCertIDv2 a SHA-256 unless it says otherwise (RFC 5816)."""
    if _SIGNING_CERTIFICATE_V2 in found:
        identifier = _first_certificate(found[_SIGNING_CERTIFICATE_V2])
        if identifier[0].tag != der.SEQUENCE:
            return "sha256", identifier[0].expect(der.OCTETS).content
        if len(identifier) > 1 and _oid(identifier[0]) in _HASHES:
            return _HASHES[_oid(identifier[0])].name, identifier[1].expect(der.OCTETS).content
    elif _SIGNING_CERTIFICATE in found:
        return "sha1", _first_certificate(found[_SIGNING_CERTIFICATE])[0].expect(der.OCTETS).content
    raise _malformed("no certificate is named in what is signed")


def _first_certificate(attribute: Element) -> list[Element]:
    return der.sequence(der.sequence(der.sequence(_only(attribute), 1)[0], 1)[0], 1)


def _may_stamp(pinned: x509.Certificate) -> bool:
    try:
        usage = pinned.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    except x509.ExtensionNotFound:
        return False
    return usage.critical and [one.dotted_string for one in usage.value] == [_STAMPS]


@lru_cache(maxsize=32)
def _certificate(data: bytes) -> x509.Certificate:
    try:
        return x509.load_der_x509_certificate(data)
    except ValueError as error:
        raise Malformed("SCHEMA", "not a certificate", "trust") from error


def _only(element: Element) -> Element:
    parts = element.parts()
    if len(parts) != 1:
        raise _malformed("one value expected")
    return parts[0]


def _oid(algorithm: Element) -> bytes:
    return der.sequence(algorithm, 1)[0].expect(der.OID).content


def _malformed(message: str) -> Malformed:
    return Malformed("SCHEMA", f"a time stamp: {message}")
