"""Which lines of a pack were evaluated, from what the engine reports of every expression. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Span = Sequence[int]
"""First line, first column, last line, last column, and 1 when it was evaluated."""


def summary(spans: Mapping[str, Iterable[Span]], minimum: int) -> dict[str, Any]:
    """{percent, minimum, lines, covered, uncovered: {module: [[from, to], …]}}.

    A line counts when an expression begins in it, and as covered when all that begin in it were evaluated.
    """
    lines, missing, uncovered = 0, 0, {}
    for module, known in spans.items():
        begun, cold = _lines(list(known))
        lines, missing = lines + len(begun), missing + len(cold)
        if cold:
            uncovered[module] = _runs(sorted(cold))
    covered = lines - missing
    percent = covered * 100 // lines if lines else 100
    return {"percent": percent, "minimum": minimum, "lines": lines, "covered": covered, "uncovered": uncovered}


def named(runs: Iterable[Sequence[int]]) -> str:
    """Lines as people write them: `3, 7-9`."""
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)


def _lines(spans: Sequence[Span]) -> tuple[set[int], set[int]]:
    return {span[0] for span in spans}, {span[0] for span in spans if not span[4]}


def _runs(lines: Sequence[int]) -> list[list[int]]:
    """Lines that follow each other, as [from, to]."""
    runs: list[list[int]] = []
    for line in lines:
        if runs and runs[-1][1] == line - 1:
            runs[-1][1] = line
        else:
            runs.append([line, line])
    return runs
