"""High-water marks: what was done and read so far in a run, about a ticket, or carried to a record. Pure.

A mark only ever rises, and it is bounded: what does not fit is not forgotten but becomes coarser (`*`), which policy
has to take for the worst.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from connectors.classes import OPEN
from connectors.types import JsonObject

ANYWHERE = "*"
"""Data from more sources than are listed, a tool among more than are counted."""

MOST_TOOLS, MOST_RECENT, MOST_SOURCES, MOST_CLASSES = 64, 20, 16, 64

Sources: TypeAlias = Mapping[str, tuple[str, ...]]
"""Where the data of each class came from: records (`servicenow/incident/<sys_id>`) or tools; sorted."""


@dataclass(frozen=True, slots=True)
class Deed:
    """One dispatch, as marks count it. `first`: not a further attempt of the same call."""

    tool: str
    writes: bool
    first: bool = True


@dataclass(frozen=True, slots=True)
class Mark:
    """`tools`: how often each was called; `recent`: the last of them, in their order."""

    writes: int = 0
    tools: Mapping[str, int] = field(default_factory=dict)
    recent: tuple[str, ...] = ()
    sources: Sources = field(default_factory=dict)

    def after(self, deed: Deed) -> "Mark":
        if not deed.first:
            return self
        tools = _counted(self.tools, {deed.tool: 1})
        recent = (*self.recent, deed.tool)[-MOST_RECENT:]
        return replace(self, writes=self.writes + int(deed.writes), tools=tools, recent=recent)

    def holding(self, more: Sources) -> "Mark":
        return replace(self, sources=together(self.sources, more))

    def followed_by(self, later: "Mark") -> "Mark":
        """All of both, the later one after this."""
        return Mark(
            self.writes + later.writes,
            _counted(self.tools, later.tools),
            (*self.recent, *later.recent)[-MOST_RECENT:],
            together(self.sources, later.sources),
        )

    def beside(self, other: "Mark") -> "Mark":
        """What is known from two sides of the same past: counted once, held by either."""
        names = {*self.tools, *other.tools}
        counts = {name: max(self.tools.get(name, 0), other.tools.get(name, 0)) for name in names}
        longer = max(self.recent, other.recent, key=len)
        return Mark(max(self.writes, other.writes), counts, longer, together(self.sources, other.sources))

    def told(self) -> JsonObject:
        """As the input document has it."""
        return {
            "writes": self.writes,
            "tools": dict(sorted(self.tools.items())),
            "recent": list(self.recent),
            "data_classes": sorted(self.sources),
        }


NOTHING = Mark()


@dataclass(frozen=True, slots=True)
class Past:
    """What a decision knows of what came before: in the run with all it is a part of, and about the ticket."""

    run: Mark = NOTHING
    ticket: Mark | None = None

    @property
    def whole(self) -> Mark:
        return self.run if self.ticket is None else self.run.beside(self.ticket)

    def followed_by(self, planned: Mark) -> "Past":
        return Past(self.run.followed_by(planned), self.ticket and self.ticket.followed_by(planned))


def together(*several: Sources) -> Sources:
    found: dict[str, set[str]] = {}
    for sources in several:
        for name, places in sources.items():
            found.setdefault(name, set()).update(places)
    bounded = {name: _listed(places) for name, places in sorted(found.items())}
    return bounded if len(bounded) <= MOST_CLASSES else {ANYWHERE: (ANYWHERE,)}


def brought(classes: Iterable[str], record: str, tool: str) -> Sources:
    """Classes of data that an answer brings, from the record it is about, else from the tool."""
    return dict.fromkeys(classes, (record or tool,))


def carried(sources: Sources, record: str) -> Sources:
    """What is carried to a record and does not come from there alone; what every place holds is no matter."""
    return {name: places for name, places in sources.items() if name not in OPEN and set(places) - {record}}


def stored(mark: Mark) -> dict[str, Any]:
    """The columns of a history row."""
    return {
        "writes": mark.writes,
        "tools": dict(mark.tools),
        "recent": list(mark.recent),
        "data_classes": {name: list(places) for name, places in mark.sources.items()},
    }


def of_row(row: Any) -> Mark:
    sources = {name: tuple(places) for name, places in row.data_classes.items()}
    return Mark(row.writes, dict(row.tools), tuple(row.recent), sources)


def _listed(places: Iterable[str]) -> tuple[str, ...]:
    known = set(places)
    return (ANYWHERE,) if len(known) > MOST_SOURCES or ANYWHERE in known else tuple(sorted(known))


def _counted(counts: Mapping[str, int], more: Mapping[str, int]) -> Mapping[str, int]:
    found = dict(counts)
    for name, count in more.items():
        known = name if name in found or len(found) < MOST_TOOLS - 1 else ANYWHERE
        found[known] = found.get(known, 0) + count
    return found
