"""Tokens of a real authority (openssl) and the reader of the verifier; the client library says the same of each."""

import hashlib
import shutil
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID
from rfc3161_client import HashAlgorithm, TimestampRequestBuilder, VerifierBuilder, decode_timestamp_response
from rfc3161_client.errors import VerificationError

from controlplane.lib import clock
from evidence.verify import der, timestamp
from evidence.verify.malformed import Malformed
from tests import tsa
from tests.unit.evidence.forge import NOW
from tests.unit.evidence.stamps import Stamper, certificate_of

IMPRINT = hashlib.sha256(b"message").digest()


@pytest.fixture
def authority(tmp_path: Path) -> tsa.Authority:
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl here")
    return tsa.Authority(tmp_path)


def test_a_token_of_openssl_holds_for_us_and_for_the_client_library(authority: tsa.Authority) -> None:
    request = TimestampRequestBuilder().data(b"message").hash_algorithm(HashAlgorithm.SHA256).build()
    reply = decode_timestamp_response(authority.reply(request.as_bytes()))
    token = timestamp.parse(reply.time_stamp_token())
    assert token.imprint == IMPRINT
    assert token.names(authority.certificate)
    assert token.holds(authority.certificate)
    assert abs(token.time_ms - clock.now_ms()) < 600_000
    pinned = x509.load_der_x509_certificate(authority.certificate)
    verifier = VerifierBuilder().tsa_certificate(pinned).add_root_certificate(pinned).build()
    assert verifier.verify_message(reply, b"message")
    with pytest.raises(VerificationError):
        verifier.verify_message(reply, b"another message")


def test_every_flipped_bit_of_a_token_is_refused_or_leaves_what_is_signed_as_it_was(authority: tsa.Authority) -> None:
    """What the signature does not cover is not read: versions, parameters of algorithms, certificates sent along."""
    reply = decode_timestamp_response(authority.reply(authority.query(IMPRINT)))
    honest = reply.time_stamp_token()
    wanted = timestamp.parse(honest)
    for position in range(len(honest)):
        flipped = bytearray(honest)
        flipped[position] ^= 1 << position % 8
        try:
            token = timestamp.parse(bytes(flipped))
        except Malformed:
            continue
        if token.names(authority.certificate) and token.holds(authority.certificate):
            assert (token.imprint, token.time_ms) == (wanted.imprint, wanted.time_ms), position


@pytest.mark.parametrize("key", [ec.generate_private_key(ec.SECP256R1()), rsa.generate_private_key(65537, 2048)])
def test_a_token_holds_by_the_pinned_certificate_only(key: object) -> None:
    own = Stamper(key=key)
    token = timestamp.parse(own.stamp(IMPRINT, NOW))
    assert (token.imprint, token.time_ms) == (IMPRINT, NOW)
    assert token.holds(own.certificate)
    other = Stamper("other.test", key=key)
    assert not token.names(other.certificate)
    assert not token.holds(certificate_of(key, "tsa.test", ExtendedKeyUsageOID.SERVER_AUTH))
    assert not timestamp.parse(own.stamp(IMPRINT, NOW, named=other.certificate)).holds(own.certificate)
    assert not timestamp.parse(own.stamp(IMPRINT, 0)).holds(own.certificate)  # before the certificate was valid


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x30",
        b"\x30\x80",
        b"\x30\x81\x05abcde",
        b"\x30\x82\x00\x05abcde",
        b"\x1f\x01a",
        b"\x30\x02a",
        b"\x02\x01\x00\x00",
    ],
)
def test_what_is_not_der_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        der.read(data)
