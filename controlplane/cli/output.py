"""Data on stdout, talk on stderr. Tables for people, JSON for programs."""

import json
import sys
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Any

SCHEMA_VERSION = 1


class Format(StrEnum):
    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"
    ID = "id"


def say(text: str) -> None:
    sys.stderr.write(text + "\n")


def rows(items: Iterable[dict[str, Any]], columns: Sequence[str], form: Format, empty: str) -> None:
    """A list of objects; `columns` are the members that a table shows."""
    listed = list(items)
    if form is Format.JSON:
        _json({"schema_version": SCHEMA_VERSION, "results": listed})
    elif form is Format.JSONL:
        for item in listed:
            _write(json.dumps(item, ensure_ascii=False))
    elif form is Format.ID:
        for item in listed:
            _write(str(item.get("id", "")))
    elif not listed:
        say(empty)
    else:
        _table(listed, columns)


def one(item: dict[str, Any], form: Format) -> None:
    """A single object: its members line by line, or JSON."""
    if form is Format.ID:
        _write(str(item.get("id", "")))
    elif form is Format.JSONL:
        _write(json.dumps(item, ensure_ascii=False))
    elif form is Format.JSON:
        _json({"schema_version": SCHEMA_VERSION, **item})
    else:
        _table([{"field": name, "value": text(value)} for name, value in item.items()], ["field", "value"])


def text(value: Any) -> str:
    """A cell: control characters would let a ticket's text move the cursor of a terminal."""
    flat = value if isinstance(value, str) else "" if value is None else json.dumps(value, ensure_ascii=False)
    return "".join(c if c.isprintable() or c == " " else "·" for c in flat)


def _table(listed: Sequence[dict[str, Any]], columns: Sequence[str]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column.replace("_", " "), overflow="fold")
    for item in listed:
        table.add_row(*(Text(text(item.get(column))) for column in columns))
    Console().print(table)


def _json(value: object) -> None:
    _write(json.dumps(value, indent=2, ensure_ascii=False))


def _write(line: str) -> None:
    sys.stdout.write(line + "\n")
