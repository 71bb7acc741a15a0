"""A person's second factors for tests: a TOTP secret, and a passkey in software that signs like a real one."""

import hashlib
import json
import secrets
from dataclasses import dataclass, field
from typing import Any

from allauth.account.utils import user_pk_to_url_str
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, generate_totp_secret, hotp_value
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from fido2 import cbor
from fido2.cose import ES256
from fido2.utils import websafe_encode
from fido2.webauthn import AttestedCredentialData, AuthenticatorData

from controlplane.lib import clock

UP, UV, AT = 0x01, 0x04, 0x40


def give_totp(user: Any) -> str:
    """Give the person a TOTP factor; its secret."""
    secret = generate_totp_secret()
    TOTP.activate(user, secret)
    return secret


def code_of(secret: str, *, periods: int = 0) -> str:
    """The code of now, or of so many periods later."""
    return format_hotp_value(hotp_value(secret, int(clock.now().timestamp()) // 30 + periods))


@dataclass
class SoftPasskey:
    """A platform authenticator in memory (WebAuthn level 3, sections 6 and 7), ES256, attestation "none"."""

    origin: str = "http://localhost:8000"
    rp_id: str = "localhost"
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    credential_id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    counter: int = 0

    def give(self, user: Any, name: str = "key") -> Authenticator:
        """Register it for the person, as django-allauth keeps it."""
        cose = ES256.from_cryptography_key(self.key.public_key())
        attested = AttestedCredentialData.create(bytes(16), self.credential_id, cose)
        auth_data = AuthenticatorData.create(self._rp_hash(), UP | UV | AT, 0, attested)
        attestation = cbor.encode({"fmt": "none", "attStmt": {}, "authData": bytes(auth_data)})
        response = {
            "clientDataJSON": websafe_encode(self._client_data("webauthn.create", secrets.token_bytes(32))),
            "attestationObject": websafe_encode(attestation),
        }
        data = {"name": name, "credential": {**self._named(), "response": response}}
        return Authenticator.objects.create(user=user, type=Authenticator.Type.WEBAUTHN, data=data)

    def sign(self, challenge: bytes, *, verified: bool = True, counts: bool = True) -> dict[str, Any]:
        """`PublicKeyCredential.toJSON()` of an assertion over the challenge."""
        self.counter += counts
        flags = UP | (UV if verified else 0)
        auth_data = bytes(AuthenticatorData.create(self._rp_hash(), flags, self.counter))
        client_data = self._client_data("webauthn.get", challenge)
        signed = self.key.sign(auth_data + hashlib.sha256(client_data).digest(), ec.ECDSA(hashes.SHA256()))
        response = {
            "clientDataJSON": websafe_encode(client_data),
            "authenticatorData": websafe_encode(auth_data),
            "signature": websafe_encode(signed),
        }
        return {**self._named(), "response": response}

    @staticmethod
    def handle_of(user: Any) -> str:
        """The user handle of a discoverable credential, as django-allauth gives it out."""
        return websafe_encode(user_pk_to_url_str(user).encode())

    def _named(self) -> dict[str, Any]:
        name = websafe_encode(self.credential_id)
        return {"id": name, "rawId": name, "type": "public-key", "clientExtensionResults": {}}

    def _client_data(self, kind: str, challenge: bytes) -> bytes:
        return json.dumps({"type": kind, "challenge": websafe_encode(challenge), "origin": self.origin}).encode()

    def _rp_hash(self) -> bytes:
        return hashlib.sha256(self.rp_id.encode()).digest()


def plug_in(page: Any) -> str:
    """Give a Chromium page a platform authenticator that verifies its person; its id."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    made: str = session.send("WebAuthn.addVirtualAuthenticator", {"options": options})["authenticatorId"]
    return made


def with_password(user: Any, password: str = "correct-horse-battery") -> str:
    """Keep the password as the server process expects it (the suite hashes faster); the name to sign in with."""
    user.password = PBKDF2PasswordHasher().encode(password, "salt", iterations=1000)
    user.save()
    name: str = user.username
    return name
