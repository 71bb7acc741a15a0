"""The in-toto Statement v1 of a bundle: it names every file with its digest, and the counts."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from evidence.verify import jcs, layout
from evidence.verify.encoding import unhex
from evidence.verify.malformed import Malformed

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://interlock.dev/evidence-bundle/v1"


@dataclass(frozen=True)
class Statement:
    """`subjects` maps file names to SHA-256 digests (hex)."""

    subjects: Mapping[str, str]
    predicate: "Predicate"

    def payload(self) -> bytes:
        subjects: list[jcs.Json] = [
            {"name": name, "digest": {"sha256": self.subjects[name]}} for name in sorted(self.subjects)
        ]
        return jcs.dumps(
            {
                "_type": STATEMENT_TYPE,
                "subject": subjects,
                "predicateType": PREDICATE_TYPE,
                "predicate": self.predicate.as_json(),
            }
        )


@dataclass(frozen=True)
class Predicate:
    """What the bundle claims to be. `size` and `root` (hex) are those of its last checkpoint.

    A bundle of a run or of an approval names the `run`, one of an approval also the `request`. One of a period says how
    many events were `pruned`, where any were.
    """

    kind: str
    origin: str
    events: int
    first_leaf: int
    last_leaf: int
    size: int
    root: str
    disclosed: int
    redacted: int
    erased: int
    report: str
    exporter: str
    generated_at: int
    run: str = ""
    request: str = ""
    pruned: int = 0

    def as_json(self) -> dict[str, jcs.Json]:
        named = {*_NAMED, *_OF_KIND[self.kind], *(("pruned",) if self.pruned else ())}
        return {name: value for name, value in vars(self).items() if name in named}


_TEXT = ("kind", "origin", "root", "report", "exporter")
_NUMBERS = (
    "events", "first_leaf", "last_leaf", "size", "disclosed", "redacted", "erased", "generated_at",
)  # fmt: skip
_NAMED = (*_TEXT, *_NUMBERS)
_OF_KIND = {layout.RUN: ("run",), layout.APPROVAL: ("run", "request"), layout.PERIOD: ()}


def digests(members: Mapping[str, bytes]) -> dict[str, str]:
    return {name: hashlib.sha256(content).hexdigest() for name, content in members.items()}


def parse(payload: bytes) -> Statement:
    """Read the payload of the bundle envelope; raises Malformed."""
    members = jcs.loads_object(payload)
    if set(members) != {"_type", "subject", "predicateType", "predicate"}:
        raise Malformed("SCHEMA", "not an in-toto statement")
    if members["_type"] != STATEMENT_TYPE or members["predicateType"] != PREDICATE_TYPE:
        raise Malformed("VERSION", "the statement is of an unknown type")
    return Statement(_subjects(members["subject"]), _predicate(members["predicate"]))


def _subjects(items: jcs.Json) -> dict[str, str]:
    if not isinstance(items, list):
        raise Malformed("SCHEMA", "the statement names no files")
    subjects = dict(_subject(item) for item in items)
    if len(subjects) != len(items):
        raise Malformed("SCHEMA", "the statement names a file twice")
    return subjects


def _subject(item: jcs.Json) -> tuple[str, str]:
    if not isinstance(item, dict) or set(item) != {"name", "digest"} or not isinstance(item["name"], str):
        raise Malformed("SCHEMA", "not a subject")
    digest = item["digest"]
    if not isinstance(digest, dict) or set(digest) != {"sha256"}:
        raise Malformed("SCHEMA", "not a SHA-256 digest")
    return item["name"], unhex(digest["sha256"]).hex()


def _predicate(members: jcs.Json) -> Predicate:
    kind = members.get("kind") if isinstance(members, dict) else None
    if not isinstance(members, dict) or not isinstance(kind, str):
        raise Malformed("SCHEMA", "the predicate names no kind")
    if kind not in layout.KINDS:
        raise Malformed("VERSION", "this verifier does not know bundles of this kind")
    texts = (*_TEXT, *_OF_KIND[kind])
    numbers = (*_NUMBERS, "pruned") if kind == layout.PERIOD and "pruned" in members else _NUMBERS
    if set(members) != {*texts, *numbers}:
        raise Malformed("SCHEMA", "the predicate misses members or has unknown ones")
    if not all(isinstance(members[name], str) for name in texts):
        raise Malformed("SCHEMA", "a text member of the predicate is not text")
    if not all(_is_count(members[name]) for name in numbers):
        raise Malformed("SCHEMA", "a count of the predicate is not a count")
    return Predicate(**members)  # type: ignore[arg-type]


def _is_count(value: jcs.Json) -> bool:
    return jcs.is_whole(value) and value >= 0
