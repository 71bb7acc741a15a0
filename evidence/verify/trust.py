"""What the auditor brings: the root key, the origins it speaks for, and the heads remembered from before.

This file comes from outside the bundle. Without it the best verdict is UNTRUSTED.
"""

from dataclasses import dataclass

from evidence.verify import jcs
from evidence.verify.encoding import b64, unb64
from evidence.verify.malformed import Malformed
from evidence.verify.signing import PUBLIC_KEY_SIZE, kid_of

FORMAT = "interlock.trust/1"


@dataclass(frozen=True)
class Trust:
    """Root keys (raw Ed25519), the scope of origins they cover, and a floor for the keyring's version."""

    scope: str
    root_keys: tuple[bytes, ...]
    min_keyring_version: int = 1
    checkpoints: tuple[str, ...] = ()

    def root(self, kid: str) -> bytes | None:
        return next((public for public in self.root_keys if kid_of(public) == kid), None)

    def as_json(self) -> dict[str, jcs.Json]:
        return {
            "format": FORMAT,
            "scope": self.scope,
            "root_keys": [
                {"alg": "ed25519", "kid": kid_of(public), "public": b64(public)} for public in self.root_keys
            ],
            "min_keyring_version": self.min_keyring_version,
            "checkpoints": list(self.checkpoints),
        }


def parse(data: bytes) -> Trust:
    """Read a trust file; raises Malformed."""
    members = jcs.loads_lenient(data)
    if not isinstance(members, dict) or members.get("format") != FORMAT:
        raise Malformed("SCHEMA", f"not a trust file of format {FORMAT}", "trust")
    if set(members) != {"format", "scope", "root_keys", "min_keyring_version", "checkpoints"}:
        raise Malformed("SCHEMA", "members are missing or unknown", "trust")
    scope, keys, floor = members["scope"], members["root_keys"], members["min_keyring_version"]
    notes = members["checkpoints"]
    if not isinstance(scope, str) or not isinstance(keys, list) or not isinstance(notes, list):
        raise Malformed("SCHEMA", "scope, root_keys or checkpoints have a wrong type", "trust")
    if not jcs.is_whole(floor) or not scope.endswith("/"):
        raise Malformed("SCHEMA", "the scope ends in /, the floor is a number", "trust")
    return Trust(scope, tuple(_root(item) for item in keys), floor, tuple(jcs.shown(note) for note in notes))


def _root(item: jcs.Json) -> bytes:
    if not isinstance(item, dict) or set(item) != {"alg", "kid", "public"} or item["alg"] != "ed25519":
        raise Malformed("SCHEMA", "not a root key", "trust")
    return unb64(item["public"], size=PUBLIC_KEY_SIZE)
