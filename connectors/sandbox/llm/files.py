"""Tickets from a CSV file: which column is the text, which one (if any) is the label."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass

TEXT_COLUMNS = ("text", "document", "description", "short_description", "body", "ticket", "message", "content")
LABEL_COLUMNS = ("label", "topic_group", "category", "class", "topic", "group", "queue")


@dataclass(frozen=True)
class Rows:
    """Texts in file order, and their labels when the file has a label column."""

    texts: list[str]
    labels: list[str] | None

    def pairs(self) -> list[tuple[str, str]]:
        if self.labels is None:
            raise ValueError("the file has no label column")
        return list(zip(self.texts, self.labels, strict=True))


def read_csv(text: str) -> Rows:
    """Columns are found by name, otherwise the column with the longest values is the text.

    Raises ValueError when the file has no rows.
    """
    csv.field_size_limit(10_000_000)
    rows = list(csv.DictReader(io.StringIO(text)))
    if not rows:
        raise ValueError("the file has no rows")
    names = [name for name in rows[0] if name]
    text_column = _named(names, TEXT_COLUMNS) or max(names, key=lambda name: sum(len(row[name] or "") for row in rows))
    label_column = _named([name for name in names if name != text_column], LABEL_COLUMNS)
    labels = [(row[label_column] or "").strip() for row in rows] if label_column else None
    return Rows([(row[text_column] or "").strip() for row in rows], labels)


def _named(names: list[str], wanted: tuple[str, ...]) -> str | None:
    folded = {name.strip().lower(): name for name in names}
    return next((folded[one] for one in wanted if one in folded), None)
