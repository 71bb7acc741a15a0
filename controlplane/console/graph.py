"""The steps of a run as a graph: which waits for which, where it stands, what was tried again or undone. Pure.

Columns follow the longest way from the start, so every arrow points to the right. The same is told in sentences.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from controlplane.console.statuses import status

WIDE, HIGH, ACROSS, DOWN, EDGE = 176, 52, 56, 20, 8
LONGEST = 22


class StepLike(Protocol):
    key: str
    needs: Sequence[str]
    state: str
    attempts: int
    label: str
    writes: bool
    parent_key: str
    position: int


@dataclass(frozen=True, slots=True)
class Node:
    """A box: its step, its state and what else there is to know. `tone` and `shape` as in statuses."""

    x: int
    y: int
    name: str
    tone: str
    shape: str
    told: str
    sentence: str

    @property
    def middle(self) -> int:
        return self.y + HIGH // 2


@dataclass(frozen=True, slots=True)
class Arrow:
    """From a step to one that waits for it; `untaken` when that one was skipped."""

    path: str
    untaken: bool


@dataclass(frozen=True, slots=True)
class Graph:
    nodes: tuple[Node, ...]
    arrows: tuple[Arrow, ...]
    width: int
    height: int
    box: tuple[int, int] = (WIDE, HIGH)


def of(steps: Sequence[StepLike]) -> Graph:
    """From the rows of a run; items of a loop are told of by the loop."""
    items: dict[str, list[StepLike]] = defaultdict(list)
    for step in steps:
        items[step.parent_key].append(step)
    shown = {step.key: step for step in sorted(items[""], key=lambda step: step.position)}
    needs = {key: [each for each in step.needs if each in shown] for key, step in shown.items()}
    taken: Counter[int] = Counter()
    at = columns(needs)
    nodes = {key: _node(shown[key], *_place(column, taken), needs[key], items[key]) for key, column in at.items()}
    arrows = []
    for key, several in needs.items():
        for before in several:
            lanes = [_place(column, taken) for column in range(at[before] + 1, at[key])]
            arrows.append(Arrow(_path(nodes[before], lanes, nodes[key]), shown[key].state == "SKIPPED"))
    wide, high = max(at.values(), default=0) + 1, max(taken.values(), default=0)
    return Graph(tuple(nodes.values()), tuple(arrows), EDGE + wide * (WIDE + ACROSS), EDGE + high * (HIGH + DOWN))


def columns(needs: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """For each step how many stand before it on the longest way; steps that wait for each other end at the last."""
    found = dict.fromkeys(needs, 0)
    for _ in needs:
        found = {key: max((found[each] + 1 for each in several), default=0) for key, several in needs.items()}
    return found


def _place(column: int, taken: Counter[int]) -> tuple[int, int]:
    """The next free place of a column: for a box, or for an arrow that only passes."""
    taken[column] += 1
    return EDGE + column * (WIDE + ACROSS), EDGE + (taken[column] - 1) * (HIGH + DOWN)


def _node(step: StepLike, x: int, y: int, needs: Sequence[str], items: Sequence[StepLike]) -> Node:
    state = status(step.state)
    notes = [state.word, *_notes(step, items)]
    after = f", after {', '.join(needs)}" if needs else ", at the start"
    kind = " (writes)" if step.writes else ""
    name = step.key if len(step.key) <= LONGEST else f"{step.key[: LONGEST - 1]}…"
    return Node(x, y, name, state.tone, state.shape, ", ".join(notes), f"{step.key}{kind}: {', '.join(notes)}{after}")


def _notes(step: StepLike, items: Sequence[StepLike]) -> list[str]:
    """Beyond its state: how often it was tried, how it ended, and for a loop how its items stand."""
    tried = [f"{step.attempts} tries"] if step.attempts > 1 else []
    ended = [step.label.lower().replace("_", " ")] if step.label and step.label != step.state else []
    counts = Counter(status(each.state).word for each in items)
    return [
        *tried,
        *ended,
        *(f"{count} item{'s' if count > 1 else ''} {word}" for word, count in sorted(counts.items())),
    ]


def _path(start: Node, lanes: Sequence[tuple[int, int]], end: Node) -> str:
    """Through the free places of the columns between, so that no arrow runs behind a box."""
    x, y = start.x + WIDE, start.middle
    drawn = [f"M{x} {y}"]
    for lane_x, lane_y in lanes:
        middle = lane_y + HIGH // 2
        drawn += [_curve(x, y, lane_x, middle), f"H{lane_x + WIDE}"]
        x, y = lane_x + WIDE, middle
    return " ".join([*drawn, _curve(x, y, end.x - 6, end.middle)])


def _curve(x: int, y: int, to_x: int, to_y: int) -> str:
    bend = (x + to_x) // 2
    return f"C{bend} {y} {bend} {to_y} {to_x} {to_y}"
