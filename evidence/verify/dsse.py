"""DSSE envelopes, v1.0 (github.com/secure-systems-lab/dsse), read strictly.

The bytes that were verified are the bytes that are parsed. The keyid only finds a key; it proves nothing.
"""

from dataclasses import dataclass

from evidence.verify import jcs
from evidence.verify.encoding import b64, unb64
from evidence.verify.malformed import Malformed
from evidence.verify.signing import Signer, kid_of, signature_holds

MAX_SIGNATURES = 64


@dataclass(frozen=True)
class Envelope:
    payload_type: str
    payload: bytes
    signatures: tuple[tuple[str, bytes], ...]

    def signature_of(self, kid: str) -> bytes | None:
        return next((signature for claimed, signature in self.signatures if claimed == kid), None)

    def holds(self, public: bytes, signature: bytes) -> bool:
        return signature_holds(public, signature, pae(self.payload_type, self.payload))


def pae(payload_type: str, payload: bytes) -> bytes:
    """The pre-authentication encoding: what is signed."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def seal(payload_type: str, payload: bytes, *signers: Signer) -> bytes:
    """A canonical envelope with a signature of each signer."""
    signed = pae(payload_type, payload)
    signatures: list[jcs.Json] = [
        {"keyid": kid_of(signer.public), "sig": b64(signer.sign(signed))} for signer in signers
    ]
    return jcs.dumps({"payload": b64(payload), "payloadType": payload_type, "signatures": signatures})


def parse(data: bytes, payload_type: str) -> Envelope:
    """Read an envelope of one payload type; raises Malformed."""
    members = jcs.loads_object(data)
    if set(members) != {"payload", "payloadType", "signatures"} or members["payloadType"] != payload_type:
        raise Malformed("DSSE-FORMAT", f"not an envelope of {payload_type}")
    signatures = members["signatures"]
    if not isinstance(signatures, list) or not 1 <= len(signatures) <= MAX_SIGNATURES:
        raise Malformed("DSSE-FORMAT", f"between 1 and {MAX_SIGNATURES} signatures expected")
    payload = unb64(members["payload"], code="DSSE-FORMAT")
    return Envelope(payload_type, payload, tuple(_signature(item) for item in signatures))


def _signature(item: jcs.Json) -> tuple[str, bytes]:
    if not isinstance(item, dict) or set(item) != {"keyid", "sig"} or not isinstance(item["keyid"], str):
        raise Malformed("DSSE-FORMAT", "not a signature")
    return item["keyid"], unb64(item["sig"], code="DSSE-FORMAT")
