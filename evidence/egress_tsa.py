"""Time-stamping authorities, RFC 3161 over HTTP (§3.4). What they answer is kept only when it holds."""

from cryptography import x509
from rfc3161_client import HashAlgorithm, TimestampRequestBuilder, TimeStampResponse, VerifierBuilder
from rfc3161_client import decode_timestamp_response as decode
from rfc3161_client.errors import VerificationError

from evidence import egress_http
from evidence.errors import OutsideUnavailable
from evidence.outside import TsaServer
from evidence.verify import timestamp
from evidence.verify.anchoring import STAMPED, imprint
from evidence.verify.malformed import Malformed

_HEADERS = {"content-type": "application/timestamp-query", "accept": "application/timestamp-reply"}


def stamp(server: TsaServer, root: bytes) -> bytes:
    """A token (DER) over the root of an anchor tree, good for the client library and for the verifier alike."""
    request = TimestampRequestBuilder().data(STAMPED + root).hash_algorithm(HashAlgorithm.SHA256).build()
    answer = egress_http.post(server.url, request.as_bytes(), _HEADERS)
    if answer.status != 200:
        raise OutsideUnavailable(f"{server.trusted.name} answered {answer.status}")
    try:
        response = decode(answer.body)
        if response.tst_info.nonce != request.nonce:
            raise OutsideUnavailable(f"{server.trusted.name} answered another question")
        _verified(server, response, root)
        return _held(server, response.time_stamp_token(), root)
    except (ValueError, VerificationError) as error:
        raise OutsideUnavailable(f"{server.trusted.name}: {error}") from error


def _verified(server: TsaServer, response: TimeStampResponse, root: bytes) -> None:
    """The whole chain up to a root of the operator's: at issue, where revocation and policy can still be looked at."""
    builder = VerifierBuilder().tsa_certificate(x509.load_der_x509_certificate(server.trusted.certificate))
    for certificate in server.roots:
        builder = builder.add_root_certificate(x509.load_der_x509_certificate(certificate))
    builder.build().verify_message(response, STAMPED + root)


def _held(server: TsaServer, data: bytes, root: bytes) -> bytes:
    try:
        token = timestamp.parse(data)
    except Malformed as error:
        raise OutsideUnavailable(f"{server.trusted.name}: {error.message}") from error
    certificate = server.trusted.certificate
    if token.imprint != imprint(root) or not (token.names(certificate) and token.holds(certificate)):
        raise OutsideUnavailable(f"the time stamp of {server.trusted.name} does not hold")
    return data
