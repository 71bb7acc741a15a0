"""What each line of a policy did in one decision, read from the steps that the engine tells. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Mark(StrEnum):
    """Of a rule's first line: FIRED, STOPPED. Of a line in its body: HELD, FAILED, BOTH (held once, failed once)."""

    FIRED = "fired"
    STOPPED = "stopped"
    HELD = "held"
    FAILED = "failed"
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule that was tried: how often, how often it came through, and the lines it stopped at when it did not.

    `constant`: it has no body of its own, so there was nothing to try.
    """

    module: str
    line: int
    tried: int
    fired: int
    stopped_at: tuple[int, ...]
    constant: bool = False


@dataclass(frozen=True, slots=True)
class Trace:
    """`marks`: module → line → what it did. A line without a mark was never reached: an earlier one failed, or the
    engine's index had ruled its rule out."""

    rules: tuple[Rule, ...]
    marks: Mapping[str, Mapping[int, Mark]]


Place = tuple[str, int]


@dataclass
class _Attempt:
    """One try of one rule."""

    head: Place
    reached: set[Place] = field(default_factory=set)
    failed: set[Place] = field(default_factory=set)
    fired: bool = False

    def marks(self) -> Iterator[tuple[Place, Mark]]:
        for place in self.reached:
            stopped = place in self.failed and not self.fired
            yield place, Mark.FAILED if stopped else Mark.HELD


def read(steps: Iterable[list[Any]]) -> Trace:
    """From `[operation, query, "module:line", whether a rule is entered]` in order."""
    attempts: dict[int, _Attempt] = {}
    for op, query, location, enters_rule in steps:
        place = _place(location)
        if enters_rule and place:
            attempts[query] = _Attempt(place)
        elif place and query in attempts:
            _note(attempts[query], op, place)
    return Trace(tuple(_rules(attempts.values())), _marks(attempts.values()))


def _note(attempt: _Attempt, op: str, place: Place) -> None:
    if op == "Eval":
        attempt.reached.add(place)
    elif op == "Fail":
        attempt.failed.add(place)
    elif op == "Exit":
        attempt.fired = True


def _place(location: str) -> Place | None:
    module, _, line = location.rpartition(":")
    return (module, int(line)) if module and line.isdecimal() else None


def _rules(attempts: Iterable[_Attempt]) -> Iterator[Rule]:
    by_head: dict[Place, list[_Attempt]] = defaultdict(list)
    for attempt in attempts:
        by_head[attempt.head].append(attempt)
    for (module, line), tries in sorted(by_head.items()):
        stopped = {place[1] for each in tries if not each.fired for place in each.failed}
        constant = all(each.reached <= {each.head} for each in tries) and not stopped
        yield Rule(module, line, len(tries), sum(each.fired for each in tries), tuple(sorted(stopped)), constant)


def _marks(attempts: Iterable[_Attempt]) -> dict[str, dict[int, Mark]]:
    heads: dict[Place, set[Mark]] = defaultdict(set)
    lines: dict[Place, set[Mark]] = defaultdict(set)
    for attempt in attempts:
        heads[attempt.head].add(Mark.FIRED if attempt.fired else Mark.STOPPED)
        for place, mark in attempt.marks():
            lines[place].add(mark)
    found: dict[str, dict[int, Mark]] = defaultdict(dict)
    for (module, line), marks in lines.items():
        found[module][line] = marks.pop() if len(marks) == 1 else Mark.BOTH
    for (module, line), marks in heads.items():
        found[module][line] = Mark.FIRED if Mark.FIRED in marks else Mark.STOPPED
    return dict(found)
