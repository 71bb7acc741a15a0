"""What changed from one version's source to another's, line by line. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum

CONTEXT = 3


class Change(StrEnum):
    SAME = "same"
    REMOVED = "removed"
    ADDED = "added"


@dataclass(frozen=True, slots=True)
class Line:
    """A line of either source; its number in the old and in the new one, None where it is not there."""

    change: Change
    text: str
    before: int | None
    after: int | None


def between(old: str, new: str) -> list[Line]:
    """The changed lines with three lines around them; empty when both say the same."""
    before, after = old.splitlines(), new.splitlines()
    groups = SequenceMatcher(None, before, after, autojunk=False).get_grouped_opcodes(CONTEXT)
    return [line for group in groups for code in group for line in _lines(before, after, code)]


def _lines(before: list[str], after: list[str], code: tuple[str, int, int, int, int]) -> Iterator[Line]:
    tag, i1, i2, j1, j2 = code
    if tag == "equal":
        for offset in range(i2 - i1):
            yield Line(Change.SAME, before[i1 + offset], i1 + offset + 1, j1 + offset + 1)
        return
    yield from (Line(Change.REMOVED, before[at], at + 1, None) for at in range(i1, i2))
    yield from (Line(Change.ADDED, after[at], None, at + 1) for at in range(j1, j2))
