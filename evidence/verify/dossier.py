"""The parsed bundle on its way through the checks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from evidence.verify import jcs, layout
from evidence.verify.disclosure import Disclosure
from evidence.verify.encoding import unb64
from evidence.verify.envelope import Event, Leaf
from evidence.verify.findings import Report
from evidence.verify.keyring import Keyring
from evidence.verify.malformed import Malformed
from evidence.verify.note import SignedNote
from evidence.verify.statement import Statement
from evidence.verify.trust import Trust

T = TypeVar("T")


@dataclass(frozen=True)
class Question:
    """What the auditor asks: the trust they bring, heads they remember, the time it is, how strict to be."""

    trust: Trust | None
    known: tuple[str, ...]
    at_ms: int
    profile: str = "basic"


@dataclass
class Dossier:
    """Filled stage by stage; a stage reads only what earlier ones have checked and put here.

    `grown` are roots that a period's leaves were seen to grow the tree to, by size; `kept` the leaves whose
    events were not pruned, with their lines.
    """

    question: Question
    members: Mapping[str, bytes]
    report: Report
    keyring: Keyring | None = None
    statement: Statement | None = None
    notes: list[SignedNote] = field(default_factory=list)
    proofs: dict[int, list[bytes]] = field(default_factory=dict)
    consistency: dict[tuple[int, int], list[bytes]] = field(default_factory=dict)
    frontier: list[bytes] = field(default_factory=list)
    grown: dict[int, bytes] = field(default_factory=dict)
    leaves: list[Leaf] = field(default_factory=list)
    leaf_lines: list[bytes] = field(default_factory=list)
    kept: list[tuple[int, Leaf]] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    disclosures: list[Disclosure] = field(default_factory=list)
    proven: dict[int, tuple[int, str]] = field(default_factory=dict)
    """When the head of a size existed at the latest, and who says so: of those that the trust file names."""
    witnesses: dict[int, set[str]] = field(default_factory=dict)
    """Who of those cosigned the head of a size."""

    def proven_before(self, size: int) -> tuple[int, str] | None:
        """The earliest such time of a head of at least this size: a head commits to every smaller one."""
        return min((proven for known, proven in self.proven.items() if known >= size), default=None)

    @property
    def ring(self) -> Keyring:
        assert self.keyring is not None, "the keyring stage comes first"
        return self.keyring

    @property
    def claims(self) -> Statement:
        assert self.statement is not None, "the statement stage comes first"
        return self.statement

    @property
    def remembered(self) -> list[tuple[str, str]]:
        """(where it comes from, text) of the heads that the auditor brings."""
        listed = self.question.trust.checkpoints if self.question.trust else ()
        asked = [(f"known:{number}", text) for number, text in enumerate(self.question.known, start=1)]
        return asked + [(f"trust:{number}", text) for number, text in enumerate(listed, start=1)]

    def fail(self, code: str, where: str, message: str) -> None:
        self.report.fail(code, where, message)

    def conclude(self, check: str, where: str, message: str, before: int) -> None:
        """PASS when the stage added no failure since `before` failures were counted."""
        if len(self.report.failures) == before:
            self.report.passed(check, where, message)


def lines_of(members: Mapping[str, bytes], name: str, parse: Callable[[bytes], T]) -> list[T]:
    """Parse a file of one JSON document a line; the last line ends too."""
    content = members[name]
    if content and not content.endswith(b"\n"):
        raise Malformed("JSON-FORMAT", "the last line is cut short", name)
    parsed: list[T] = []
    try:
        parsed.extend(map(parse, split_lines(content)))
    except Malformed as error:
        raise error.at(f"{name}:{len(parsed) + 1}") from error
    return parsed


def split_lines(content: bytes) -> list[bytes]:
    """The lines without their ends; nothing has no lines."""
    return content[:-1].split(b"\n") if content else []


def reading(where: str, parse: Callable[[bytes], T], data: bytes) -> T:
    """Parse, and say where it was when it is malformed."""
    try:
        return parse(data)
    except Malformed as error:
        raise error.at(where) from error


def parse_proofs(data: bytes) -> dict[int, list[bytes]]:
    """`{"proofs": [{"index": n, "path": [base64, …]}]}`"""
    proofs: dict[int, list[bytes]] = {}
    for item in _items(data):
        index = item.get("index")
        if set(item) != {"index", "path"} or not jcs.is_whole(index):
            raise Malformed("SCHEMA", "not an inclusion proof")
        proofs[index] = path_of(item["path"])
    return proofs


def parse_consistency(data: bytes) -> dict[tuple[int, int], list[bytes]]:
    """`{"proofs": [{"from": m, "to": n, "path": [base64, …]}]}`"""
    proofs: dict[tuple[int, int], list[bytes]] = {}
    for item in _items(data):
        old, new = item.get("from"), item.get("to")
        if set(item) != {"from", "to", "path"} or not jcs.is_whole(old) or not jcs.is_whole(new):
            raise Malformed("SCHEMA", "not a consistency proof")
        proofs[old, new] = path_of(item["path"])
    return proofs


def parse_frontier(data: bytes) -> list[bytes]:
    """`{"peaks": [base64, …]}`: the complete subtrees of the tree before a period, largest first."""
    members = jcs.loads_object(data)
    if set(members) != {"peaks"}:
        raise Malformed("SCHEMA", "not a frontier")
    return path_of(members["peaks"])


def checkpoint_names(members: Mapping[str, bytes]) -> list[str]:
    return sorted(name for name in members if name.startswith(layout.CHECKPOINTS))


def _items(data: bytes) -> list[dict[str, jcs.Json]]:
    members = jcs.loads_object(data)
    items = members.get("proofs")
    if set(members) != {"proofs"} or not isinstance(items, list):
        raise Malformed("SCHEMA", "not a list of proofs")
    checked: list[dict[str, jcs.Json]] = []
    for item in items:
        if not isinstance(item, dict):
            raise Malformed("SCHEMA", "not a proof")
        checked.append(item)
    return checked


def path_of(value: jcs.Json) -> list[bytes]:
    if not isinstance(value, list) or len(value) > 64:
        raise Malformed("SCHEMA", "a proof is a short list of hashes")
    return [unb64(step, size=32) for step in value]
