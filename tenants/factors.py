"""Second factors of a person: which ones there are, and whether one was just used.

django-allauth keeps them (`Authenticator`); a code or an assertion is accepted here and nowhere else, also when
signing in, so that none is accepted twice by two processes.
"""

import base64
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from allauth.mfa import app_settings
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from allauth.mfa.utils import decrypt
from django.conf import settings
from django.db import transaction
from fido2.server import Fido2Server
from fido2.utils import websafe_encode
from fido2.webauthn import (
    AttestedCredentialData,
    AuthenticationResponse,
    PublicKeyCredentialRpEntity,
    UserVerificationRequirement,
)

from controlplane.lib import clock
from tenants import keys
from tenants.models import Membership

TOTP, PASSKEY = Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN
_TOTP_CONTEXT = b"interlock.totp.v1"


class FactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """django-allauth's second factors under our key-encryption key and our host name."""

    def encrypt(self, text: str) -> str:
        return base64.b64encode(keys.provider().wrap(text.encode(), _TOTP_CONTEXT)).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return keys.provider().unwrap(base64.b64decode(encrypted_text), _TOTP_CONTEXT).decode()

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        return {"id": relying_party(), "name": "Interlock"}


@dataclass(frozen=True, slots=True)
class Assertion:
    """What a passkey signed. Byte strings; `public_key` is the COSE key that was registered."""

    credential_id: bytes
    public_key: bytes
    authenticator_data: bytes
    client_data_json: bytes
    signature: bytes

    def as_text(self) -> dict[str, str]:
        """base64url without padding, as WebAuthn writes them, and the relying party."""
        named = {name: websafe_encode(getattr(self, name)) for name in self.__slots__}
        return {**named, "rp_id": relying_party()}


def relying_party() -> str:
    """The host name that passkeys are bound to; never an IP address (WebAuthn level 3, section 5.1.2)."""
    return urlsplit(settings.INTERLOCK_BASE_URL).hostname or "localhost"


def held(user_id: UUID) -> frozenset[str]:
    """Which kinds of second factor the person can use: `totp`, `webauthn`."""
    rows = Authenticator.objects.filter(user_id=user_id, type__in=(TOTP, PASSKEY), user__is_active=True)
    return frozenset(rows.values_list("type", flat=True))


def public_keys() -> dict[UUID, list[bytes]]:
    """The passkeys (COSE keys) of the people of the entered tenant who have any."""
    people = Membership.objects.values_list("user_id", flat=True)
    rows = Authenticator.objects.filter(user_id__in=set(people), type=PASSKEY, user__is_active=True).order_by("pk")
    found: dict[UUID, list[bytes]] = {}
    for row in rows:
        found.setdefault(row.user_id, []).append(_cose(row.wrap().authenticator_data.credential_data))
    return found


@transaction.atomic
def accept_totp(user_id: UUID, code: str) -> str | None:
    """What names the one-time code, if it is right and newer than the last accepted one; RFC 6238 section 5.2."""
    row = Authenticator.objects.select_for_update().filter(user_id=user_id, type=TOTP).first()
    if row is None:
        return None
    secret, newest = decrypt(row.data["secret"]), row.data.get("accepted", -1)
    counter = next((at for at in _periods() if at > newest and _same(code, hotp_value(secret, at))), None)
    if counter is None:
        return None
    row.data = {**row.data, "accepted": counter}
    row.last_used_at = clock.now()
    row.save(update_fields=["data", "last_used_at"])
    return f"totp:{row.pk}:{counter}"


def passkey_options(user_id: UUID, challenge: bytes) -> dict[str, Any] | None:
    """`PublicKeyCredentialRequestOptions` in JSON for the person's passkeys; None without any."""
    credentials = [credential for _, credential in _passkeys(user_id)]
    if not credentials:
        return None
    options, _ = _server().authenticate_begin(credentials, UserVerificationRequirement.REQUIRED, challenge)
    public: dict[str, Any] = dict(options)["publicKey"]
    return public


@transaction.atomic
def accept_passkey(user_id: UUID, challenge: bytes, response: Mapping[str, Any]) -> Assertion | None:
    """The assertion, if one of the person's passkeys signed this challenge here, verifying the user, and its
    counter did not stand still (a copied key would make it)."""
    mine = list(_passkeys(user_id, lock=True))
    state = {"challenge": websafe_encode(challenge), "user_verification": UserVerificationRequirement.REQUIRED}
    try:
        used = _server().authenticate_complete(state, [credential for _, credential in mine], response)
        given = AuthenticationResponse.from_dict(response)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    row = next(row for row, credential in mine if credential.credential_id == used.credential_id)
    if not _counted(row, given.response.authenticator_data.counter):
        return None
    return Assertion(
        credential_id=bytes(used.credential_id),
        public_key=_cose(used),
        authenticator_data=bytes(given.response.authenticator_data),
        client_data_json=bytes(given.response.client_data),
        signature=bytes(given.response.signature),
    )


def _periods() -> Iterable[int]:
    here, around = int(clock.now().timestamp()) // app_settings.TOTP_PERIOD, app_settings.TOTP_TOLERANCE
    return range(here - around, here + around + 1)


def _same(code: str, value: int) -> bool:
    typed = "".join(code.split())
    return hmac.compare_digest(typed.encode(), format_hotp_value(value).encode())


def _passkeys(user_id: UUID, *, lock: bool = False) -> Iterable[tuple[Authenticator, AttestedCredentialData]]:
    rows = Authenticator.objects.filter(user_id=user_id, type=PASSKEY).order_by("pk")
    for row in rows.select_for_update() if lock else rows:
        yield row, row.wrap().authenticator_data.credential_data


def _counted(row: Authenticator, counter: int) -> bool:
    """Zero throughout means an authenticator that does not count (WebAuthn level 3, section 6.1.1)."""
    last = row.data.get("counter", 0)
    if (counter or last) and counter <= last:
        return False
    row.data = {**row.data, "counter": counter}
    row.last_used_at = clock.now()
    row.save(update_fields=["data", "last_used_at"])
    return True


def _cose(credential: AttestedCredentialData) -> bytes:
    """The key as the authenticator wrote it: what follows the credential's id in the attested data."""
    attested = bytes(credential)
    return attested[18 + int.from_bytes(attested[16:18], "big") :]


def _server() -> Fido2Server:
    return Fido2Server(PublicKeyCredentialRpEntity(id=relying_party(), name="Interlock"))
