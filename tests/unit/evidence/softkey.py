"""A passkey in software that signs the same bytes each time, honest or not."""

import base64
import hashlib
import json
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256

from evidence.verify.trust import Approver
from tests.unit.evidence.stamps import key_of

SITE = "interlock.test"
SEEN = 0x05


def b64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@dataclass
class SoftKey:
    """ES256 unless it is given another key."""

    name: str = "bob's key"
    key: Any = None

    def __post_init__(self) -> None:
        self.key = self.key or key_of(self.name)

    @property
    def cose(self) -> bytes:
        """As an authenticator writes it: CTAP2 canonical CBOR."""
        public = self.key.public_key()
        if isinstance(self.key, Ed25519PrivateKey):
            return bytes.fromhex("a4010103272006215820") + public.public_bytes_raw()
        numbers = public.public_numbers()
        if isinstance(self.key, rsa.RSAPrivateKey):
            return bytes.fromhex("a401030339010020590100") + numbers.n.to_bytes(256) + bytes.fromhex("2143010001")
        x, y = numbers.x.to_bytes(32), numbers.y.to_bytes(32)
        return bytes.fromhex("a5010203262001215820") + x + bytes.fromhex("225820") + y

    def pinned(self, person: str = "bob", rp_id: str = SITE) -> Approver:
        return Approver(person, rp_id, (self.cose,))

    def assertion(
        self, deed: str, *, site: str = SITE, flags: int = SEEN, client: dict[str, Any] | None = None, **changes: str
    ) -> dict[str, str]:
        """What it signs for an action digest; `client` and `changes` spoil it, before and after it is signed."""
        challenge = b64url(hashlib.sha256(deed.encode()).digest())
        told = {"type": "webauthn.get", "challenge": challenge, "origin": f"https://{site}", "crossOrigin": False}
        client_data = json.dumps({**told, **(client or {})}, separators=(",", ":")).encode()
        data = hashlib.sha256(site.encode()).digest() + bytes([flags]) + (7).to_bytes(4)
        made = {
            "credential_id": b64url(b"credential"),
            "public_key": b64url(self.cose),
            "authenticator_data": b64url(data),
            "client_data_json": b64url(client_data),
            "signature": b64url(self.sign(data + hashlib.sha256(client_data).digest())),
            "rp_id": site,
        }
        return {**made, **changes}

    def sign(self, message: bytes) -> bytes:
        if isinstance(self.key, Ed25519PrivateKey):
            return self.key.sign(message)
        if isinstance(self.key, rsa.RSAPrivateKey):
            return self.key.sign(message, padding.PKCS1v15(), SHA256())
        signed: bytes = self.key.sign(message, ec.ECDSA(SHA256(), deterministic_signing=True))
        return signed
