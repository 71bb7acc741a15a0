"""What governance rules are asked about: the events of one run, as far as a bundle shows them."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from evidence.verify import jcs
from evidence.verify.envelope import Event


@dataclass(frozen=True)
class Broken:
    """A rule that the event on `line` (from 1) breaks."""

    code: str
    line: int
    message: str


class Tale:
    """Events of one run with their lines. What lies before `from_start` or behind `to_end` is not known."""

    def __init__(self, events: Sequence[tuple[int, Event]], *, from_start: bool, to_end: bool) -> None:
        self.events, self.from_start, self.to_end = events, from_start, to_end

    def of(self, *types: str) -> list[tuple[int, Event]]:
        """The events of these types, in their order."""
        if len(types) == 1:
            return self._by_type[types[0]]
        return sorted((found for kind in types for found in self._by_type[kind]), key=lambda found: found[0])

    @cached_property
    def _by_type(self) -> dict[str, list[tuple[int, Event]]]:
        found: dict[str, list[tuple[int, Event]]] = defaultdict(list)
        for line, event in self.events:
            found[event.type].append((line, event))
        return found


Rule = Callable[[Tale], Iterator[Broken]]


def text(event: Event, member: str) -> str:
    return jcs.shown(event.data.get(member, ""))


def texts(event: Event, member: str) -> set[str]:
    value = event.data.get(member, "")
    return {jcs.shown(item) for item in value} if isinstance(value, list) else set()


def number(event: Event, member: str) -> int:
    """The number that the member is, else 0."""
    value = event.data.get(member, 0)
    return value if jcs.is_whole(value) else 0


def attempt(event: Event) -> tuple[str, str]:
    return text(event, "call_id"), text(event, "attempt")
