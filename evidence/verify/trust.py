"""What the auditor brings: the root key, the origins it speaks for, and the heads remembered from before.

This file comes from outside the bundle. Without it the best verdict is UNTRUSTED.
"""

from dataclasses import dataclass

from evidence.verify import jcs
from evidence.verify.encoding import b64, unb64
from evidence.verify.malformed import Malformed
from evidence.verify.signing import ALGORITHMS, PUBLIC_KEY_SIZE, algorithm_of, kid_of

FORMAT = "interlock.trust/1"
_REQUIRED = {"format", "scope", "root_keys", "min_keyring_version", "checkpoints"}
_OPTIONAL = {"tsas", "witnesses", "quorum", "approvers"}


@dataclass(frozen=True)
class Tsa:
    """A time-stamping authority, pinned by the certificate (DER) that signs its tokens."""

    name: str
    certificate: bytes


@dataclass(frozen=True)
class Witness:
    """Somebody else who follows the logs; `public` is a raw Ed25519 key (C2SP tlog-cosignature)."""

    name: str
    public: bytes


@dataclass(frozen=True)
class Approver:
    """A person, by the id that votes carry, with the passkeys (COSE keys) that they have on the site `rp_id`."""

    id: str
    rp_id: str
    keys: tuple[bytes, ...]


@dataclass(frozen=True)
class Trust:
    """Root keys (raw, see `signing`), the scope of origins they cover, a floor for the keyring's version; and whom
    outside the operator's reach the auditor believes. `quorum` witnesses make a head witnessed; `approvers` are people
    whose passkeys the auditor has from themselves."""

    scope: str
    root_keys: tuple[bytes, ...]
    min_keyring_version: int = 1
    checkpoints: tuple[str, ...] = ()
    tsas: tuple[Tsa, ...] = ()
    witnesses: tuple[Witness, ...] = ()
    quorum: int = 1
    approvers: tuple[Approver, ...] = ()

    def approver(self, person: str) -> Approver | None:
        return next((one for one in self.approvers if one.id == person), None)

    def root(self, kid: str) -> bytes | None:
        return next((public for public in self.root_keys if kid_of(public) == kid), None)

    def as_json(self) -> dict[str, jcs.Json]:
        members: dict[str, jcs.Json] = {
            "format": FORMAT,
            "scope": self.scope,
            "root_keys": [
                {"alg": algorithm_of(public), "kid": kid_of(public), "public": b64(public)} for public in self.root_keys
            ],
            "min_keyring_version": self.min_keyring_version,
            "checkpoints": list(self.checkpoints),
        }
        if self.tsas:
            members["tsas"] = [{"name": tsa.name, "certificate": b64(tsa.certificate)} for tsa in self.tsas]
        if self.witnesses:
            members["witnesses"] = [{"name": one.name, "public": b64(one.public)} for one in self.witnesses]
            members["quorum"] = self.quorum
        if self.approvers:
            members["approvers"] = [
                {"id": one.id, "rp_id": one.rp_id, "keys": [b64(key) for key in one.keys]} for one in self.approvers
            ]
        return members


def parse(data: bytes) -> Trust:
    """Read a trust file; raises Malformed."""
    members = jcs.loads_lenient(data)
    if not isinstance(members, dict) or members.get("format") != FORMAT:
        raise _malformed(f"not a trust file of format {FORMAT}")
    if not _REQUIRED <= set(members) <= _REQUIRED | _OPTIONAL:
        raise _malformed("members are missing or unknown")
    scope, floor = members["scope"], members["min_keyring_version"]
    if not isinstance(scope, str) or not jcs.is_whole(floor) or not scope.endswith("/"):
        raise _malformed("the scope ends in /, the floor is a number")
    witnesses = tuple(_witness(item) for item in _list(members, "witnesses"))
    return Trust(
        scope,
        tuple(_root(item) for item in _list(members, "root_keys")),
        floor,
        tuple(jcs.shown(note) for note in _list(members, "checkpoints")),
        tuple(_tsa(item) for item in _list(members, "tsas")),
        witnesses,
        _quorum(members.get("quorum", 1), len(witnesses)),
        tuple(_approver(item) for item in _list(members, "approvers")),
    )


def _list(members: dict[str, jcs.Json], name: str) -> list[jcs.Json]:
    items = members.get(name, [])
    if not isinstance(items, list):
        raise _malformed(f"{name} is a list")
    return items


def _root(item: jcs.Json) -> bytes:
    if not isinstance(item, dict) or set(item) != {"alg", "kid", "public"}:
        raise _malformed("not a root key")
    public = unb64(item["public"])
    if ALGORITHMS.get(len(public)) != item["alg"] or kid_of(public) != item["kid"]:
        raise _malformed("a root key whose name or algorithm does not fit")
    return public


def _tsa(item: jcs.Json) -> Tsa:
    if not isinstance(item, dict) or set(item) != {"name", "certificate"} or not isinstance(item["name"], str):
        raise _malformed("not a time-stamping authority")
    return Tsa(item["name"], unb64(item["certificate"]))


def _witness(item: jcs.Json) -> Witness:
    if not isinstance(item, dict) or set(item) != {"name", "public"} or not isinstance(item["name"], str):
        raise _malformed("not a witness")
    return Witness(item["name"], unb64(item["public"], size=PUBLIC_KEY_SIZE))


def _approver(item: jcs.Json) -> Approver:
    if not isinstance(item, dict) or set(item) != {"id", "rp_id", "keys"} or not isinstance(item["keys"], list):
        raise _malformed("not an approver")
    if not isinstance(item["id"], str) or not isinstance(item["rp_id"], str):
        raise _malformed("not an approver")
    return Approver(item["id"], item["rp_id"], tuple(unb64(key) for key in item["keys"]))


def _quorum(value: jcs.Json, witnesses: int) -> int:
    if not jcs.is_whole(value) or not 1 <= value <= max(witnesses, 1):
        raise _malformed("the quorum is between one and the number of witnesses")
    return value


def _malformed(message: str) -> Malformed:
    return Malformed("SCHEMA", message, "trust")
