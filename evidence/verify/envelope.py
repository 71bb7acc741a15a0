"""The two byte strings of the record: the event E and the leaf L, each hashed once.

event_hash = SHA-256("evb.event.v1\\0" || E)
leaf hash  = SHA-256(0x00 || L),  L = JCS{"e": event_hash, "n": index, "o": origin, "p": previous leaf hash, …}
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from evidence.verify import jcs
from evidence.verify.encoding import unhex
from evidence.verify.malformed import Malformed

MAX_EVENT = 16 * 1024
NO_LEAF = bytes(32)

_REQUIRED = {"v", "id", "type", "origin", "time", "actor", "data"}
_RUN = {"id", "seq", "prev"}
_ACTOR = {"kind", "id", "method", "on_behalf_of"}
_COMMITMENT = {"c", "len", "mt"}


@dataclass(frozen=True)
class Event:
    """A parsed event. `time_ms` is what the emitter claimed; `seq` is 0 outside a run."""

    id: str
    type: str
    origin: str
    time_ms: int
    actor: dict[str, jcs.Json]
    data: dict[str, jcs.Json]
    run: str = ""
    seq: int = 0
    prev: str = ""
    hash: bytes = b""

    def commitments(self) -> Iterator[tuple[str, dict[str, jcs.Json]]]:
        """(JSON pointer, commitment) of everything that is committed to and not contained."""
        yield from _commitments("/data", self.data)


@dataclass(frozen=True)
class Leaf:
    """A parsed leaf. `time_ms` is when it was sequenced, never earlier than the leaf before."""

    event_hash: bytes
    index: int
    origin: str
    previous: bytes
    time_ms: int


def event_hash(body: bytes) -> bytes:
    return hashlib.sha256(b"evb.event.v1\0" + body).digest()


def leaf_bytes(leaf: Leaf) -> bytes:
    return jcs.dumps(
        {
            "e": leaf.event_hash.hex(),
            "n": leaf.index,
            "o": leaf.origin,
            "p": leaf.previous.hex(),
            "t": leaf.time_ms,
            "v": 1,
        }
    )


def parse_event(body: bytes) -> Event:
    """Read one event; raises Malformed for a byte string that is not exactly one canonical event."""
    if len(body) > MAX_EVENT:
        raise Malformed("LIMIT", f"an event is larger than {MAX_EVENT} bytes")
    members = jcs.loads_object(body)
    if not _is_first_version(members):
        raise Malformed("VERSION", "the event is of an unknown version")
    if set(members) - {"run"} != _REQUIRED:
        raise Malformed("SCHEMA", "the event misses members or has unknown ones")
    actor = _object(members["actor"], {"kind", "id", "method"}, _ACTOR)
    data = members["data"]
    if not isinstance(data, dict):
        raise Malformed("SCHEMA", "the data of an event is an object")
    run, seq, prev = _run(members["run"]) if "run" in members else ("", 0, "")
    return Event(
        id=_text(members["id"]),
        type=_text(members["type"]),
        origin=_text(members["origin"]),
        time_ms=_count(members["time"]),
        actor=actor,
        data=data,
        run=run,
        seq=seq,
        prev=prev,
        hash=event_hash(body),
    )


def parse_leaf(line: bytes) -> Leaf:
    """Read one leaf; raises Malformed."""
    members = jcs.loads_object(line)
    if not _is_first_version(members):
        raise Malformed("VERSION", "the leaf is of an unknown version")
    if set(members) != {"e", "n", "o", "p", "t", "v"}:
        raise Malformed("SCHEMA", "the leaf misses members or has unknown ones")
    return Leaf(
        unhex(members["e"]), _count(members["n"]), _text(members["o"]), unhex(members["p"]), _count(members["t"])
    )


def is_commitment(value: jcs.Json) -> bool:
    return isinstance(value, dict) and set(value) == _COMMITMENT


def pointer(path: str, member: str) -> str:
    """RFC 6901: one step further down."""
    return path + "/" + member.replace("~", "~0").replace("/", "~1")


def _commitments(path: str, value: jcs.Json) -> Iterator[tuple[str, dict[str, jcs.Json]]]:
    if isinstance(value, dict) and is_commitment(value):
        yield path, value
    elif isinstance(value, dict):
        for name in value:
            yield from _commitments(pointer(path, name), value[name])
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _commitments(pointer(path, str(index)), item)


def _run(value: jcs.Json) -> tuple[str, int, str]:
    members = _object(value, {"id", "seq"}, _RUN)
    seq = _count(members["seq"])
    if seq < 1 or (seq > 1) != ("prev" in members):
        raise Malformed("SCHEMA", "run events count from 1, and all but the first name their predecessor")
    return _text(members["id"]), seq, unhex(members["prev"]).hex() if "prev" in members else ""


def _object(value: jcs.Json, required: set[str], allowed: set[str]) -> dict[str, jcs.Json]:
    if not isinstance(value, dict) or not required <= set(value) <= allowed:
        raise Malformed("SCHEMA", "an object misses members or has unknown ones")
    return value


def _is_first_version(members: dict[str, jcs.Json]) -> bool:
    return jcs.is_whole(members.get("v")) and members["v"] == 1


def _text(value: jcs.Json) -> str:
    if not isinstance(value, str) or not value:
        raise Malformed("SCHEMA", "text expected")
    return value


def _count(value: jcs.Json) -> int:
    if not jcs.is_whole(value) or value < 0:
        raise Malformed("SCHEMA", "a whole number expected")
    return value
