"""Charts as geometry: pure functions from figures to numbers that an SVG template writes into attributes."""

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 720, 160


@dataclass(frozen=True, slots=True)
class Bar:
    """A rectangle in user units, with the words a reader of the chart gets."""

    x: int
    y: int
    width: int
    height: int
    label: str
    words: str


@dataclass(frozen=True, slots=True)
class BarChart:
    bars: tuple[Bar, ...]
    limit_y: int | None
    width: int = WIDTH
    height: int = HEIGHT


def bars(points: Sequence[tuple[str, int, str]], *, limit: int | None = None) -> BarChart:
    """Points are (label, value, words); `limit` draws a line, for example a day's budget in the same unit.

    The tallest of values and limit fills the height; a value above zero is never thinner than 3 units.
    """
    top = max([value for _, value, _ in points] + [limit or 0, 1])
    step = WIDTH // max(len(points), 1)
    drawn = tuple(_bar(index, step, top, *point) for index, point in enumerate(points))
    return BarChart(drawn, None if limit is None else HEIGHT - HEIGHT * limit // top)


def _bar(index: int, step: int, top: int, label: str, value: int, words: str) -> Bar:
    height = max(HEIGHT * value // top, 3 if value else 0)
    return Bar(index * step + 2, HEIGHT - height, max(min(step - 4, 48), 3), height, label, words)


@dataclass(frozen=True, slots=True)
class Span:
    """One step on a run's time axis; `tone` as in statuses."""

    x: int
    y: int
    width: int
    tone: str
    words: str


def spans(steps: Sequence[tuple[str, int, int, str]]) -> tuple[Span, ...]:
    """Steps are (words, start ms, end ms, tone) on one clock; rows of 20 units, never narrower than 3."""
    if not steps:
        return ()
    origin = min(start for _, start, _, _ in steps)
    whole = max(max(end for _, _, end, _ in steps) - origin, 1)

    def scale(length: int) -> int:
        return length * (WIDTH - 3) // whole

    return tuple(
        Span(scale(start - origin), row * 20 + 4, max(scale(end - start), 3), tone, words)
        for row, (words, start, end, tone) in enumerate(steps)
    )
