"""A time-stamping authority whose clock, and whose honesty, a test sets."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from asn1crypto import algos, cms, core, tsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from evidence.verify.trust import Tsa

POLICY = "1.2.3.4.1"
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def certificate_of(key: Key, name: str, usage: Any = ExtendedKeyUsageOID.TIME_STAMPING) -> bytes:
    """A self-signed certificate (DER), good from 2026 to 2036, that may stamp times unless told otherwise."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key())
        .serial_number(4711)
        .not_valid_before(datetime(2026, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2036, 1, 1, tzinfo=UTC))
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=True)
        .sign(key, SHA256(), ecdsa_deterministic=isinstance(key, ec.EllipticCurvePrivateKey) or None)
    )
    return made.public_bytes(Encoding.DER)


def key_of(name: str) -> Key:
    """The key of that name: the same each time, so that the vectors are."""
    return ec.derive_private_key(int.from_bytes(hashlib.sha256(name.encode()).digest()) >> 1, ec.SECP256R1())


@dataclass
class Stamper:
    """`stamp` makes a token over an imprint for any time; `changes` spoil it before it is signed."""

    name: str = "tsa.test"
    key: Key | None = None
    certificate: bytes = b""

    def __post_init__(self) -> None:
        self.key = self.key or key_of(self.name)
        self.certificate = self.certificate or certificate_of(self.key, self.name)

    @property
    def trusted(self) -> Tsa:
        return Tsa(self.name, self.certificate)

    def stamp(self, imprint: bytes, at_ms: int, *, named: bytes | None = None) -> bytes:
        """`named`: the certificate whose digest is signed along, if it is not the own one."""
        info = tsp.TSTInfo(
            {
                "version": "v1",
                "policy": POLICY,
                "message_imprint": {"hash_algorithm": {"algorithm": "sha256"}, "hashed_message": imprint},
                "serial_number": 1,
                "gen_time": datetime.fromtimestamp(at_ms / 1000, UTC),
            }
        ).dump()
        attributes = cms.CMSAttributes(
            [
                {"type": "content_type", "values": ["tst_info"]},
                {"type": "message_digest", "values": [hashlib.sha256(info).digest()]},
                {"type": "signing_certificate_v2", "values": [_named(named or self.certificate)]},
            ]
        )
        return self._token(info, attributes)

    def _token(self, info: bytes, attributes: cms.CMSAttributes) -> bytes:
        own = asn1_x509.Certificate.load(self.certificate)
        signer = {
            "version": "v1",
            "sid": {"issuer_and_serial_number": {"issuer": own.issuer, "serial_number": own.serial_number}},
            "digest_algorithm": {"algorithm": "sha256"},
            "signed_attrs": attributes,
            "signature_algorithm": self._algorithm(),
            "signature": self._sign(attributes.dump()),
        }
        signed = {
            "version": "v3",
            "digest_algorithms": [{"algorithm": "sha256"}],
            "encap_content_info": {"content_type": "tst_info", "content": core.ParsableOctetString(info)},
            "signer_infos": [signer],
        }
        return bytes(cms.ContentInfo({"content_type": "signed_data", "content": cms.SignedData(signed)}).dump())

    def _algorithm(self) -> algos.SignedDigestAlgorithm:
        kind = "sha256_ecdsa" if isinstance(self.key, ec.EllipticCurvePrivateKey) else "sha256_rsa"
        return algos.SignedDigestAlgorithm({"algorithm": kind})

    def _sign(self, attributes: bytes) -> bytes:
        assert self.key is not None, "set when it was made"
        if isinstance(self.key, ec.EllipticCurvePrivateKey):
            return self.key.sign(attributes, ec.ECDSA(SHA256(), deterministic_signing=True))
        return self.key.sign(attributes, padding.PKCS1v15(), SHA256())


def _named(certificate: bytes) -> tsp.SigningCertificateV2:
    return tsp.SigningCertificateV2({"certs": [{"cert_hash": hashlib.sha256(certificate).digest()}]})
