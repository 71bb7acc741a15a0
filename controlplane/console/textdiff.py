"""Two texts side by side or one below the other, with what is folded counted. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher

from controlplane.console.inert import inert

CONTEXT = 3
MOST_LINES = 3_000


@dataclass(frozen=True, slots=True)
class Row:
    """`kind`: same, removed, added, changed or gap. A side without a number has no line; `folded` counts a gap's."""

    kind: str
    before: int | None = None
    left: str = ""
    after: int | None = None
    right: str = ""
    folded: int = 0


@dataclass(frozen=True, slots=True)
class TextDiff:
    """One text that differs. `cut`: so many rows more than are shown."""

    name: str
    rows: tuple[Row, ...]
    added: int
    removed: int
    cut: int


def of_texts(before: Mapping[str, str], after: Mapping[str, str], *, side_by_side: bool) -> tuple[TextDiff, ...]:
    """The texts that differ, by name; a missing one counts as empty."""
    names = [name for name in {**before, **after} if before.get(name, "") != after.get(name, "")]
    return tuple(_one(name, before.get(name, ""), after.get(name, ""), side_by_side) for name in names)


def _one(name: str, old: str, new: str, side_by_side: bool) -> TextDiff:
    found = tuple(_rows(_lines(old), _lines(new), side_by_side))
    added = sum(row.kind in ("added", "changed") for row in found)
    removed = sum(row.kind in ("removed", "changed") for row in found)
    return TextDiff(name, found[:MOST_LINES], added, removed, max(len(found) - MOST_LINES, 0))


def _lines(text: str) -> list[str]:
    return text.replace("\r\n", "\n").removesuffix("\n").split("\n") if text else []


def _rows(old: list[str], new: list[str], side_by_side: bool) -> Iterator[Row]:
    matcher, shown = SequenceMatcher(None, old, new, autojunk=False), 0
    for group in matcher.get_grouped_opcodes(CONTEXT):
        if group[0][1] > shown:
            yield Row("gap", folded=group[0][1] - shown)
        for tag, i1, i2, j1, j2 in group:
            yield from _block(tag, _numbered(old, i1, i2), _numbered(new, j1, j2), side_by_side)
        shown = group[-1][2]
    if shown < len(old):
        yield Row("gap", folded=len(old) - shown)


Lines = list[tuple[int, str]]


def _numbered(lines: list[str], start: int, end: int) -> Lines:
    return [(number, inert(lines[number - 1])) for number in range(start + 1, end + 1)]


def _block(tag: str, left: Lines, right: Lines, side_by_side: bool) -> Iterator[Row]:
    if tag == "equal":
        yield from (Row("same", *old, *new) for old, new in zip(left, right, strict=True))
        return
    paired = min(len(left), len(right)) if side_by_side else 0
    yield from (Row("changed", *old, *new) for old, new in zip(left[:paired], right[:paired], strict=True))
    yield from (Row("removed", *old) for old in left[paired:])
    yield from (Row("added", after=number, right=text) for number, text in right[paired:])
