"""The signed key history: which sealing keys spoke for which origins, when, and for what.

It is never a root of trust: the root key that signs it comes from the trust file outside the bundle.
"""

from dataclasses import dataclass

from evidence.verify import jcs
from evidence.verify.encoding import b64, unb64
from evidence.verify.malformed import Malformed
from evidence.verify.signing import PUBLIC_KEY_SIZE, kid_of

PAYLOAD_TYPE = "application/vnd.interlock.keyring.v1+json"
USES = ("bundle", "checkpoint")
_KEY_MEMBERS = {"kid", "alg", "public", "use", "not_before", "not_after"}


@dataclass(frozen=True)
class Key:
    """One sealing key; times are milliseconds since the epoch, `revoked_at` None while it is good."""

    public: bytes
    use: str
    not_before: int
    not_after: int
    revoked_at: int | None = None

    @property
    def kid(self) -> str:
        return kid_of(self.public)

    def valid_at(self, at_ms: int) -> bool:
        return self.not_before <= at_ms <= self.not_after

    def as_json(self) -> dict[str, jcs.Json]:
        members: dict[str, jcs.Json] = {
            "kid": self.kid,
            "alg": "ed25519",
            "public": b64(self.public),
            "use": self.use,
            "not_before": self.not_before,
            "not_after": self.not_after,
        }
        return members if self.revoked_at is None else {**members, "revoked_at": self.revoked_at}


@dataclass(frozen=True)
class Keyring:
    """Version `version` of the keys that may speak for origins beginning with `scope`."""

    version: int
    scope: str
    issued_at: int
    keys: tuple[Key, ...]

    def find(self, kid: str, use: str) -> Key | None:
        return next((key for key in self.keys if key.kid == kid and key.use == use), None)

    def of_use(self, use: str) -> list[Key]:
        return [key for key in self.keys if key.use == use]

    def payload(self) -> bytes:
        return jcs.dumps(
            {
                "v": 1,
                "version": self.version,
                "scope": self.scope,
                "issued_at": self.issued_at,
                "keys": [key.as_json() for key in self.keys],
            }
        )


def parse(payload: bytes) -> Keyring:
    """Read the payload of a keyring envelope; raises Malformed."""
    members = jcs.loads_object(payload)
    if set(members) != {"v", "version", "scope", "issued_at", "keys"}:
        raise Malformed("SCHEMA", "not a keyring")
    if not jcs.is_whole(members["v"]) or members["v"] != 1:
        raise Malformed("VERSION", "this keyring is of an unknown version")
    keys, scope = members["keys"], members["scope"]
    if not isinstance(keys, list) or not isinstance(scope, str) or not scope.endswith("/"):
        raise Malformed("SCHEMA", "a keyring holds a scope that ends in / and a list of keys")
    return Keyring(
        _number(members["version"]), scope, _number(members["issued_at"]), tuple(_key(item) for item in keys)
    )


def _key(item: jcs.Json) -> Key:
    if not isinstance(item, dict) or set(item) - {"revoked_at"} != _KEY_MEMBERS or item["alg"] != "ed25519":
        raise Malformed("SCHEMA", "not a key of this format")
    public = unb64(item["public"], size=PUBLIC_KEY_SIZE)
    if item["kid"] != kid_of(public) or item["use"] not in USES:
        raise Malformed("SCHEMA", "a key whose name or use does not fit")
    revoked = _number(item["revoked_at"]) if "revoked_at" in item else None
    return Key(public, str(item["use"]), _number(item["not_before"]), _number(item["not_after"]), revoked)


def _number(value: jcs.Json) -> int:
    if not jcs.is_whole(value) or value < 0:
        raise Malformed("SCHEMA", "a whole number expected")
    return value
