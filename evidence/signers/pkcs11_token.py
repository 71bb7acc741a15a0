"""A key inside a hardware module, over PKCS#11: CKM_EDDSA for Ed25519, CKM_ECDSA over a SHA-256 digest for P-256.

The address is an RFC 7512 URI: `token` and `object` name the key, `module-path` the maker's library, `pin-source` a
file with the PIN. A session lives for one signature: a root key signs about once a week.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote

import pkcs11
from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass

from evidence.errors import SignerUnavailable, SignerUnknown
from evidence.verify.signing import ALGORITHMS

_KINDS = {KeyType.EC_EDWARDS: "ed25519", KeyType.EC: "es256"}


@dataclass(frozen=True)
class TokenSigner:
    """A `Signer` over one key of a token."""

    module: str
    token: str
    label: str
    pin_file: str

    @property
    def public(self) -> bytes:
        with self._session() as session:
            key = session.get_key(object_class=ObjectClass.PUBLIC_KEY, label=self.label)
            return _point(key)

    def sign(self, message: bytes) -> bytes:
        with self._session() as session:
            key = session.get_key(object_class=ObjectClass.PRIVATE_KEY, label=self.label)
            if key.key_type is KeyType.EC_EDWARDS:
                return bytes(key.sign(message, mechanism=Mechanism.EDDSA))
            return bytes(key.sign(hashlib.sha256(message).digest(), mechanism=Mechanism.ECDSA))

    @contextmanager
    def _session(self) -> Iterator[Any]:
        try:
            pin = Path(self.pin_file).read_text(encoding="utf-8").strip()
            with pkcs11.lib(self.module).get_token(token_label=self.token).open(user_pin=pin) as session:
                yield session
        except (pkcs11.PKCS11Error, RuntimeError, OSError) as error:
            raise SignerUnavailable(f"PKCS#11: {type(error).__name__} {error}") from error


def at(rest: str) -> TokenSigner:
    """Read `token=…;object=…?module-path=…&pin-source=…`."""
    path, _, query = rest.partition("?")
    names = {name: unquote(value) for name, _, value in (part.partition("=") for part in path.split(";"))}
    names |= dict(parse_qsl(query))
    wanted = ("module-path", "token", "object", "pin-source")
    if set(names) != set(wanted):
        raise SignerUnknown(f"pkcs11: needs {', '.join(wanted)}")
    module, token, label, pin = (names[name] for name in wanted)
    return TokenSigner(module, token, label, pin.removeprefix("file:"))


def _point(key: Any) -> bytes:
    """CKA_EC_POINT is an OCTET STRING around the raw key (PKCS#11 3.0 §2.3.3); some modules leave the wrapping out."""
    wrapped = bytes(key[Attribute.EC_POINT])
    raw = wrapped if len(wrapped) in ALGORITHMS else wrapped[2:]
    if ALGORITHMS.get(len(raw)) != _KINDS.get(key.key_type):
        raise SignerUnavailable("a root key is Ed25519 or on P-256")
    return raw
