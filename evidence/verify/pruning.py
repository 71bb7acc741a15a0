"""What was pruned: events whose time is over are removed, their leaves stay, and signed lists say which they are.

A list is a DSSE envelope by a key of the keyring: the minimum that is left to say of an event is the leaf with its
index, and that nobody removed it unseen. What the events said is not disclosed, and never counted as checked.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from evidence.verify import authority, dsse, jcs, layout, note
from evidence.verify.dossier import Dossier, lines_of, reading
from evidence.verify.envelope import Leaf
from evidence.verify.malformed import Malformed

PAYLOAD_TYPE = "application/vnd.interlock.pruned.v1+json"
SHORTEST_DAYS = 183
DAY_MS = 24 * 3600 * 1000
AHEAD_MS = 5 * 60 * 1000

Span = tuple[int, int]


@dataclass(frozen=True)
class Pruned:
    """At `at` (ms) the events of the leaves in `spans` (from, to; in order, apart) were older than `audit_days`."""

    origin: str
    spans: tuple[Span, ...]
    audit_days: int
    at: int

    def payload(self) -> bytes:
        spans: list[jcs.Json] = [[first, end] for first, end in self.spans]
        return jcs.dumps({"v": 1, "origin": self.origin, "spans": spans, "audit_days": self.audit_days, "at": self.at})

    def due(self, leaf: Leaf) -> bool:
        """Was its time over?"""
        return self.audit_days >= SHORTEST_DAYS and leaf.time_ms + self.audit_days * DAY_MS <= self.at


@dataclass(frozen=True)
class Index:
    """Where the lists of a bundle say that events were pruned: spans in order with the numbers of their lists."""

    spans: Sequence[tuple[int, int, int]]
    lists: Sequence[Pruned]

    def of(self, index: int) -> Pruned | None:
        """The list that has this leaf."""
        number = self.list_of(index)
        return None if number is None else self.lists[number]

    def list_of(self, index: int) -> int | None:
        """Its number, from 0."""
        place = bisect_right(self.spans, (index, jcs.MAX_INTEGER, 0)) - 1
        if place < 0 or index >= self.spans[place][1]:
            return None
        return self.spans[place][2]


def parse(payload: bytes) -> Pruned:
    """Read the payload of a list; raises Malformed."""
    members = jcs.loads_object(payload)
    if set(members) != {"v", "origin", "spans", "audit_days", "at"}:
        raise Malformed("SCHEMA", "not a list of what was pruned")
    if not jcs.is_whole(members["v"]) or members["v"] != 1:
        raise Malformed("VERSION", "this list of what was pruned is of an unknown version")
    origin, spans = members["origin"], members["spans"]
    if not isinstance(origin, str) or not isinstance(spans, list) or not spans:
        raise Malformed("SCHEMA", "a list of what was pruned names a log and spans of it")
    read = tuple(_span(item) for item in spans)
    if any(later[0] <= earlier[1] for earlier, later in pairwise(read)):
        raise Malformed("SCHEMA", "the spans of a list are in order and apart")
    return Pruned(origin, read, _count(members["audit_days"]), _count(members["at"]))


def index_of(lists: Sequence[Pruned]) -> Index:
    """Raises Malformed where a leaf is in two lists."""
    spans = sorted((first, end, number) for number, one in enumerate(lists) for first, end in one.spans)
    if any(later[0] < earlier[1] for earlier, later in pairwise(spans)):
        raise Malformed("SCHEMA", "a leaf is pruned twice", layout.PRUNED)
    return Index(spans, lists)


def check_pruned(dossier: Dossier) -> None:
    """Leaves whose events were pruned are signed for, of this log, and were due; the others have their events."""
    lists: list[Pruned] = []
    if layout.PRUNED in dossier.members:
        envelopes = lines_of(dossier.members, layout.PRUNED, _envelope)
        lists = [reading(_where(at), parse, sealed.payload) for at, sealed in enumerate(envelopes)]
        for at, sealed in enumerate(envelopes):
            authority.check_signed(dossier, sealed, _where(at), "the list", lists[at].at)
            if lists[at].at > dossier.question.at_ms + AHEAD_MS:
                dossier.fail("TIME-FUTURE", _where(at), "the list is later than now")
            if not note.continues(lists[at].origin, dossier.claims.predicate.origin):
                dossier.fail("ORIGIN", _where(at), f"the list is of the log {lists[at].origin}")
    _sift(dossier, index_of(lists))


def _sift(dossier: Dossier, index: Index) -> None:
    dossier.kept = []
    for line, leaf in enumerate(dossier.leaves, start=1):
        number = index.list_of(leaf.index)
        if number is None:
            dossier.kept.append((line, leaf))
        elif not index.lists[number].due(leaf):
            dossier.fail("PRUNED-EARLY", _where(number), f"the event of leaf {leaf.index} was pruned before its time")
    report, claimed = dossier.report, dossier.claims.predicate.pruned
    report.pruned = len(dossier.leaves) - len(dossier.kept)
    if report.pruned != claimed:
        dossier.fail("COUNT", layout.STATEMENT, f"{report.pruned} events were pruned, {claimed} are claimed")
    if report.pruned:
        report.skip("PRUNED", layout.PRUNED, f"{report.pruned} events were pruned: what they said is not disclosed")


def _where(number: int) -> str:
    return f"{layout.PRUNED}:{number + 1}"


def _envelope(line: bytes) -> dsse.Envelope:
    return dsse.parse(line, PAYLOAD_TYPE)


def _span(item: jcs.Json) -> Span:
    if not isinstance(item, list) or len(item) != 2:
        raise Malformed("SCHEMA", "a span is two numbers, from and to")
    first, end = _count(item[0]), _count(item[1])
    if first >= end:
        raise Malformed("SCHEMA", "a span is two numbers, from and to")
    return first, end


def _count(value: jcs.Json) -> int:
    if not jcs.is_whole(value) or value < 0:
        raise Malformed("SCHEMA", "a whole number expected")
    return value
